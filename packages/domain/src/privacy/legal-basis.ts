import { type Consent, type ConsentState, effectiveConsent, isAtLeast, isPermission, neverAsked, type Provenance } from "./consent.ts";
import { type LegalBasis, marketingPurpose, needsExplicitConsent, type Purpose } from "./purposes.ts";

/** What is known of one person, by pseudonym. Someone nobody has met has no objections and no consents. */
export interface SubjectState {
  /** `sub_…` */
  readonly subject: string;
  /** Art. 18: nothing may be done with the data but keep it. */
  readonly restricted?: boolean | undefined;
  /** Purposes objected to (Art. 21), with the moment the objection was recorded, ms since epoch. */
  readonly objections?: Readonly<Record<string, number>> | undefined;
  readonly consents?: Readonly<Record<string, Consent>> | undefined;
}

export interface PurposePolicy {
  readonly purposes: Readonly<Record<string, Purpose>>;
  /** Purposes whose basis must hold for every request, beside the request's own. */
  readonly requiredPurposes: readonly string[];
  /** The weakest provenance at which a consent counts. */
  readonly minProvenance?: Provenance | undefined;
}

export type LegalBasisRefusal =
  | "processing_restricted"
  | "processing_objected"
  | "consent_refused"
  | "consent_withdrawn"
  | "consent_expired"
  | "reconsent_required"
  | "consent_required";

export type LegalBasisDecision =
  | { readonly allowed: true; readonly basis: LegalBasis }
  | { readonly allowed: false; readonly code: "purpose_unknown"; readonly param?: string; readonly message: string }
  | { readonly allowed: false; readonly code: LegalBasisRefusal; readonly param?: string; readonly message: string };

/** When several refuse, the first of these is the answer. */
const precedence: readonly LegalBasisRefusal[] = [
  "processing_restricted",
  "processing_objected",
  "consent_refused",
  "consent_withdrawn",
  "consent_expired",
  "reconsent_required",
  "consent_required",
];

const refusalByState: Readonly<Record<Exclude<ConsentState, "given" | "renewed">, { code: LegalBasisRefusal; says: string }>> = {
  never_asked: { code: "consent_required", says: "the person's consent is needed, and none is recorded" },
  refused: { code: "consent_refused", says: "the person refused consent" },
  withdrawn: { code: "consent_withdrawn", says: "the person withdrew consent" },
  expired: { code: "consent_expired", says: "the person's consent has expired" },
  superseded: { code: "reconsent_required", says: "the notice has changed since the person consented" },
};

interface Refusal {
  readonly code: LegalBasisRefusal;
  readonly param?: string;
  readonly message: string;
}

/**
 * Whether a purpose, and all that the policy requires beside it, may be processed for this person at `now` (ms since epoch).
 * `subject` is undefined when the request names nobody: then a basis that needs consent refuses and asks for `x-weir-subject`.
 */
export function checkLegalBasis(
  purpose: string,
  policy: PurposePolicy,
  subject: SubjectState | undefined,
  now: number,
): LegalBasisDecision {
  const own = lookup(policy.purposes, purpose);
  if (own === undefined) return purposeUnknown(purpose);
  if (subject?.restricted === true) {
    return { allowed: false, code: "processing_restricted", message: "Processing of this person's data is restricted (GDPR Art. 18)" };
  }
  const refusals: Refusal[] = [];
  for (const id of new Set([purpose, ...policy.requiredPurposes])) {
    const required = lookup(policy.purposes, id);
    // Required of every request and yet not described: nothing can be shown to be lawful.
    if (required === undefined) {
      return { allowed: false, code: "purpose_unknown", message: `The policy requires purpose "${id}", which is not defined` };
    }
    const refusal = refusalOf(id, required, policy.minProvenance, subject, now);
    if (refusal !== undefined) refusals.push(refusal);
  }
  const first = precedence.flatMap((code) => refusals.filter((refusal) => refusal.code === code))[0];
  return first === undefined ? { allowed: true, basis: own.basis } : { allowed: false, ...first };
}

function refusalOf(
  id: string,
  purpose: Purpose,
  minProvenance: Provenance | undefined,
  subject: SubjectState | undefined,
  now: number,
): Refusal | undefined {
  const byConsent = purpose.basis === "consent" || needsExplicitConsent(purpose);
  if (subject === undefined) {
    const message = `Purpose "${id}" needs the person's consent: name the person in x-weir-subject`;
    return byConsent ? { code: "consent_required", param: "x-weir-subject", message } : undefined;
  }
  const recorded = lookup(subject.consents ?? {}, id) ?? neverAsked;
  const consent = effectiveConsent(recorded, now, purpose.material_notice_version);
  if (hasObjected(id, purpose, subject, consent)) {
    return { code: "processing_objected", message: `The person objected to purpose "${id}" (GDPR Art. 21)` };
  }
  if (byConsent) return consentRefusal(id, purpose, minProvenance, consent);
  return isOldRefusal(purpose, consent) ? consentRefusal(id, purpose, minProvenance, consent) : undefined;
}

/**
 * Art. 21(1) gives the right against public task and legitimate interests, Art. 21(2) against direct marketing on any basis. Where
 * consent is the basis, an objection is heard as what it says, until a later consent.
 */
function hasObjected(id: string, purpose: Purpose, subject: SubjectState, consent: Consent): boolean {
  const objectedAt = lookup(subject.objections ?? {}, id);
  if (objectedAt === undefined) return false;
  const consentedLater = isPermission(consent) && consent.recordedAtMs !== undefined && consent.recordedAtMs > objectedAt;
  if (purpose.basis === "public_task" || purpose.basis === "legitimate_interests") return true;
  return purpose.basis === "consent" ? !consentedLater : id === marketingPurpose;
}

/** A change of basis never revives a refusal: what was refused or withdrawn before the present basis stays so. */
function isOldRefusal(purpose: Purpose, consent: Consent): boolean {
  if (purpose.basis_since === undefined) return false;
  if (consent.state !== "refused" && consent.state !== "withdrawn") return false;
  return consent.recordedAtMs === undefined || consent.recordedAtMs < purpose.basis_since;
}

function consentRefusal(id: string, purpose: Purpose, minProvenance: Provenance | undefined, consent: Consent): Refusal | undefined {
  if (consent.state === "given" || consent.state === "renewed") return shortfall(id, purpose, minProvenance, consent);
  const { code, says } = refusalByState[consent.state];
  return { code, message: `Purpose "${id}": ${says}` };
}

/** A consent that is valid but not of the kind that this purpose or this tenant's policy needs. */
function shortfall(id: string, purpose: Purpose, minProvenance: Provenance | undefined, consent: Consent): Refusal | undefined {
  if (needsExplicitConsent(purpose) && consent.explicit !== true) {
    return { code: "consent_required", message: `Purpose "${id}" concerns special categories of data and needs explicit consent (Art. 9)` };
  }
  if (minProvenance !== undefined && !isAtLeast(consent.provenance, minProvenance)) {
    const known = consent.provenance ?? "unknown";
    const message = `Consent to purpose "${id}" has provenance ${known}, and the policy demands at least ${minProvenance}`;
    return { code: "consent_required", message };
  }
  return undefined;
}

function purposeUnknown(id: string): LegalBasisDecision {
  return { allowed: false, code: "purpose_unknown", param: "x-weir-purpose", message: `No purpose "${id.slice(0, 64)}" is defined` };
}

/** Own properties only: a purpose may be called `constructor`. */
function lookup<Value>(record: Readonly<Record<string, Value>>, id: string): Value | undefined {
  return Object.hasOwn(record, id) ? record[id] : undefined;
}
