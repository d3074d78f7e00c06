import { WeirError } from "@weir/domain/errors";
import { readCountry } from "@weir/domain/privacy/countries";
import { defaultPurpose, needsExplicitConsent, type Purpose } from "@weir/domain/privacy/purposes";
import type { GateApi } from "@weir/http/gate-client";
import { objectInCell } from "@weir/http/jurisdiction";
import type { Env } from "./env.ts";
import { loadPolicy } from "./policy-version.ts";
import { loadPurposes } from "./purposes.ts";
import { INGRESS_IS } from "./residency.ts";

export interface PreviewQuestion {
  country?: string | undefined;
  model: string;
  purpose?: string | undefined;
}

/** What would become of a request that is not made: asked of the Gate that would decide it, so that the two cannot differ. */
export async function previewResidency(env: Env, tenant: string, { country, model, purpose }: PreviewQuestion) {
  refuseMistypedCountry(country);
  const deployments = await askGate(env, tenant, model, country);
  if (!deployments) throw new WeirError("model_not_found", `No model "${model.slice(0, 64)}".`, { param: "model" });
  if (deployments.length === 0) {
    throw new WeirError("model_not_found", `Model "${model.slice(0, 64)}" has no deployment in service.`, { param: "model" });
  }
  const [recorded, { requirements }] = await Promise.all([loadPurposes(env.DB, tenant), loadPolicy(env.DB, tenant)]);
  const served = purposeOfRequest(recorded, purpose, requirements.required_purposes);
  const reasons = deployments.some(({ eligible }) => eligible) ? [] : [...new Set(deployments.flatMap((deployment) => deployment.reasons))];
  if (served === null) reasons.push(`purpose: none is named, and the default "${defaultPurpose}" is not recorded`);
  return {
    decision: reasons.length === 0 ? ("allow" as const) : ("deny" as const),
    reasons,
    deployments: deployments.map(({ id, eligible, reasons }) => ({ id, eligible, reasons: [...reasons] })),
    purpose: served,
    ingress: INGRESS_IS,
  };
}

/** The purpose and its basis as an event would say them; null: the request names none, and the default is not there. */
export function purposeOfRequest(
  recorded: Readonly<Record<string, Purpose>>,
  named: string | undefined,
  requiredPurposes: readonly string[],
) {
  const id = named ?? defaultPurpose;
  const purpose = Object.hasOwn(recorded, id) ? recorded[id] : undefined;
  if (purpose) {
    const consent_needed = [...new Set([id, ...requiredPurposes])].filter((required) => restsOnConsent(recorded, required));
    return { id, basis: purpose.basis, consent_needed };
  }
  if (id === defaultPurpose && Object.keys(recorded).length === 0) return { id, basis: "contract (not recorded)", consent_needed: [] };
  if (named === undefined) return null;
  throw new WeirError("purpose_unknown", `No purpose "${id.slice(0, 64)}" is recorded.`, { param: "purpose" });
}

function restsOnConsent(recorded: Readonly<Record<string, Purpose>>, id: string): boolean {
  const purpose = Object.hasOwn(recorded, id) ? recorded[id] : undefined;
  return purpose !== undefined && (purpose.basis === "consent" || needsExplicitConsent(purpose));
}

/** What the network may report: a country, or one of its words for unknown. */
function refuseMistypedCountry(country: string | undefined): void {
  if (country === undefined || readCountry(country) !== undefined || /^(t1|xx)$/i.test(country)) return;
  throw new WeirError("unprocessable", `country: "${country.slice(0, 32)}" is no country (ISO 3166-1 alpha-2); leave it out for unknown.`, {
    param: "country",
  });
}

async function askGate(
  env: Env,
  tenant: string,
  model: string,
  country: string | undefined,
): Promise<Awaited<ReturnType<GateApi["preview"]>>> {
  try {
    return await objectInCell(env.GATE, env, tenant).preview(tenant, model, country);
  } catch (error) {
    throw new WeirError("unavailable", "The Gate cannot be asked right now.", { retryAfterSeconds: 1, cause: error });
  }
}
