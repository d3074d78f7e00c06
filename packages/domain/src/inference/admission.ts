import { sameHash } from "../keys.ts";
import { checkLegalBasis, type LegalBasisRefusal, type PurposePolicy, type SubjectState } from "../privacy/legal-basis.ts";
import { defaultPurpose, type LegalBasis } from "../privacy/purposes.ts";
import {
  type DeploymentFacts,
  eligible,
  type Eligibility,
  ingressReason,
  openResidencyPolicy,
  type ResidencyNarrowing,
  type ResidencyPolicy,
} from "../privacy/residency.ts";
import { hasScope } from "../scopes.ts";
import { nearestNames } from "./nearest-names.ts";

/** All that a tenant's requests are decided by, as of one version. Plain data: it travels in leases. */
export interface AdmissionSnapshot extends PurposePolicy {
  readonly version: number;
  /** By key id. */
  readonly keys: Readonly<Record<string, KeyFacts>>;
  readonly residency: ResidencyPolicy;
  /** By the name a request uses; an alias is one more name. */
  readonly models: Readonly<Record<string, ModelFacts>>;
}

export interface KeyFacts {
  /** SHA-256 of the whole key, lower-case hex. */
  readonly hash: string;
  readonly scopes: readonly string[];
  /** First moment at which the key is no longer valid, ms since epoch. */
  readonly expiresAtMs?: number | undefined;
  /** Present: revoked, whatever the clock says. */
  readonly revokedAtMs?: number | undefined;
  readonly residency?: ResidencyNarrowing | undefined;
}

export interface ModelFacts {
  readonly deployments: readonly AdmissionDeployment[];
}

export interface AdmissionDeployment extends DeploymentFacts {
  readonly id: string;
  /** Share of traffic among eligible deployments; 0 serves only when no other is left. */
  readonly weight: number;
  /** The price version that usage of this deployment is rated at. */
  readonly price: string;
}

export interface AdmissionRequest {
  /** Undefined when no key, or nothing like one, was sent. */
  readonly key?: { readonly id: string; readonly hash: string } | undefined;
  readonly model: string;
  /** As the network reports it; never a client's header. */
  readonly country?: string | undefined;
  /** `chat` when the request names none. */
  readonly purpose?: string | undefined;
  readonly residency?: ResidencyNarrowing | undefined;
  /** A number in [0, 1) that picks the first deployment by weight. Left out, the heaviest comes first. */
  readonly draw?: number | undefined;
}

export interface DeploymentEligibility extends Eligibility {
  readonly id: string;
}

export type AdmissionCode =
  | "invalid_api_key"
  | "insufficient_scope"
  | "model_not_found"
  | "residency_unavailable"
  | "purpose_unknown"
  | LegalBasisRefusal;

export interface AdmissionAllowed {
  readonly allowed: true;
  /** Eligible deployments: the first to try, then the others by weight. Never empty. */
  readonly deployments: readonly string[];
  readonly purpose: string;
  readonly basis: LegalBasis;
  readonly policyVersion: number;
  readonly subject?: string;
}

export interface AdmissionDenied {
  readonly allowed: false;
  readonly code: AdmissionCode;
  readonly param?: string;
  readonly message: string;
  readonly policyVersion: number;
  readonly purpose?: string;
  readonly subject?: string;
  /** For `residency_unavailable`: what was considered and why it was not eligible. */
  readonly deployments?: readonly DeploymentEligibility[];
}

type Refusal = Pick<AdmissionDenied, "code" | "param" | "message" | "deployments">;

const inferenceScope = "inference:call";

/**
 * Whether a request may be served, by which deployments and on what legal basis. Pure, so it decides in the isolate without a hop.
 * Checks in order: key, scope, model, residency, legal basis; the first that fails answers. Limits and credit come after.
 * `subject` is undefined when the request names nobody; someone never seen before is `{ subject }`. `now` is in ms since epoch.
 */
export function decide(
  snapshot: AdmissionSnapshot,
  subject: SubjectState | undefined,
  request: AdmissionRequest,
  now: number,
): AdmissionAllowed | AdmissionDenied {
  const purpose = request.purpose ?? defaultPurpose;
  const context = { policyVersion: snapshot.version, purpose, ...(subject === undefined ? {} : { subject: subject.subject }) };

  const key = checkKey(snapshot, request, now);
  if ("code" in key) return { allowed: false, ...key, ...context };
  if (!hasScope(key.scopes, inferenceScope)) {
    return { allowed: false, code: "insufficient_scope", message: `This key lacks the scope ${inferenceScope}`, ...context };
  }

  const model = findModel(snapshot, request.model);
  if ("code" in model) return { allowed: false, ...model, ...context };

  const considered = checkResidency(model, request.country, [snapshot.residency, key.residency, request.residency]);
  const remaining = model.deployments.filter((_, index) => considered[index]?.eligible === true);
  if (remaining.length === 0) return { allowed: false, ...residencyUnavailable(request.model, considered), ...context };

  const lawful = checkLegalBasis(purpose, snapshot, subject, now);
  if (!lawful.allowed) return { ...lawful, ...context };

  return { allowed: true, deployments: orderByWeight(remaining, request.draw), basis: lawful.basis, ...context };
}

/**
 * Each deployment of a model under every level of policy at once (tenant, key, request). Testing each level is the same as narrowing,
 * and a level that says more than its parent gains nothing. Serves previews too.
 */
export function checkResidency(
  model: ModelFacts,
  country: string | undefined,
  levels: readonly (ResidencyNarrowing | undefined)[],
): DeploymentEligibility[] {
  const policies = levels.filter((level) => level !== undefined).map(asPolicy);
  const ingress = policies.flatMap((policy) => ingressReason(country, policy) ?? []);
  return model.deployments.map((deployment) => {
    const reasons = [...new Set([...ingress, ...policies.flatMap((policy) => eligible(deployment, policy).reasons)])];
    return { id: deployment.id, eligible: reasons.length === 0, reasons };
  });
}

/** The first by a weighted draw, the rest by falling weight: where to fall back when the first fails. */
export function orderByWeight(deployments: readonly Pick<AdmissionDeployment, "id" | "weight">[], draw?: number): string[] {
  const byWeight = deployments.toSorted((a, b) => b.weight - a.weight || (a.id < b.id ? -1 : 1));
  const first = draw === undefined ? undefined : drawn(byWeight, draw);
  const ids = byWeight.map(({ id }) => id);
  return first === undefined ? ids : [first, ...ids.filter((id) => id !== first)];
}

/** A level that leaves a plane or switch out says nothing about it, so it stands fully open there; its parent has the say. */
function asPolicy(level: ResidencyNarrowing): ResidencyPolicy {
  return { ...openResidencyPolicy, unknown: "allow", ...level };
}

function checkKey(snapshot: AdmissionSnapshot, request: AdmissionRequest, now: number): KeyFacts | Refusal {
  const { key } = request;
  if (key === undefined) return { code: "invalid_api_key", message: "No valid API key was sent: use Authorization: Bearer wk_…" };
  const known = Object.hasOwn(snapshot.keys, key.id) ? snapshot.keys[key.id] : undefined;
  if (known === undefined || !sameHash(known.hash, key.hash)) return { code: "invalid_api_key", message: "This API key is not known" };
  if (known.revokedAtMs !== undefined) return { code: "invalid_api_key", message: "This API key has been revoked" };
  if (known.expiresAtMs !== undefined && now >= known.expiresAtMs) return { code: "invalid_api_key", message: "This API key has expired" };
  return known;
}

function findModel(snapshot: AdmissionSnapshot, name: string): ModelFacts | Refusal {
  const model = Object.hasOwn(snapshot.models, name) ? snapshot.models[name] : undefined;
  if (model !== undefined && model.deployments.length > 0) return model;
  const shown = `"${name.slice(0, 64)}"`;
  if (model !== undefined) return { code: "model_not_found", param: "model", message: `Model ${shown} has no deployment in service` };
  const near = nearestNames(name, Object.keys(snapshot.models));
  const hint = near.length === 0 ? "" : `; did you mean ${near.map((id) => `"${id}"`).join(", ")}?`;
  return { code: "model_not_found", param: "model", message: `No model ${shown}${hint}` };
}

function residencyUnavailable(model: string, deployments: readonly DeploymentEligibility[]): Refusal {
  const why = [...new Set(deployments.flatMap(({ reasons }) => reasons))].join("; ");
  return { code: "residency_unavailable", message: `No deployment of "${model}" satisfies the residency policy: ${why}`, deployments };
}

function drawn(byWeight: readonly Pick<AdmissionDeployment, "id" | "weight">[], draw: number): string | undefined {
  const total = byWeight.reduce((sum, { weight }) => sum + Math.max(0, weight), 0);
  let passed = 0;
  for (const { id, weight } of byWeight) {
    passed += Math.max(0, weight);
    if (draw * total < passed) return id;
  }
  return undefined;
}
