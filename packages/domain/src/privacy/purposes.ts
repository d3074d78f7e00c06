/** GDPR Art. 6(1)(a) to (f). The controller chooses; Weir records the choice and holds to it. */
export const legalBases = ["consent", "contract", "legal_obligation", "vital_interests", "public_task", "legitimate_interests"] as const;

export type LegalBasis = (typeof legalBases)[number];

/** GDPR Art. 9(2)(b) to (j), the conditions beside explicit consent. */
export const specialCategoryConditions = [
  "employment_social_protection",
  "vital_interests",
  "nonprofit",
  "made_public",
  "legal_claims",
  "substantial_public_interest",
  "health_care",
  "public_health",
  "research",
] as const;

export type SpecialCategoryCondition = (typeof specialCategoryConditions)[number];

export interface Purpose {
  readonly basis: LegalBasis;
  /** Data of Art. 9(1): needs explicit consent, unless a condition of Art. 9(2)(b) to (j) is named here. */
  readonly special_category?: boolean | undefined;
  readonly special_category_condition?: SpecialCategoryCondition | undefined;
  readonly assessment_ref?: string | undefined;
  /** Why a service cannot be had without this purpose, Art. 7(4). Its presence permits bundling. */
  readonly necessity?: string | undefined;
  /** When the present basis took effect, ms since epoch, if it ever was another: refusals from before stay refusals. */
  readonly basis_since?: number | undefined;
  /** Version of the latest material notice of this purpose; consent to an earlier one is superseded. */
  readonly material_notice_version?: number | undefined;
}

/** The purpose of a request that names none. */
export const defaultPurpose = "chat";

/** Direct marketing: an objection ends it on any basis (Art. 21(2) and (3)). */
export const marketingPurpose = "advertising";

/** Purposes a service can be given without, under the names that Weir uses. */
const separablePurposes: ReadonlySet<string> = new Set(["content_logging", "training", "profiling", marketingPurpose]);

export interface BundledConsent {
  readonly code: "bundled_consent";
  readonly purpose: string;
  readonly message: string;
}

/**
 * Purposes required of every request that would make consent to one the price of another (Art. 7(4), recital 43). The service itself,
 * `chat` or the only purpose required, may rest on consent; another may only when its necessity is recorded. Undefined when all is well.
 */
export function findBundledConsent(
  requiredPurposes: readonly string[],
  purposes: Readonly<Record<string, Purpose>>,
): BundledConsent | undefined {
  const service = servicePurpose(requiredPurposes);
  for (const id of requiredPurposes) {
    const purpose = Object.hasOwn(purposes, id) ? purposes[id] : undefined;
    if (id === service || purpose === undefined || purpose.necessity !== undefined) continue;
    if (purpose.basis === "consent" || needsExplicitConsent(purpose)) {
      const message = `Requests for ${service ?? defaultPurpose} would need consent to ${id}; record why it is necessary, or do not require it`;
      return { code: "bundled_consent", purpose: id, message };
    }
  }
  return undefined;
}

/** Whether this purpose needs explicit consent, whatever its basis under Art. 6. */
export function needsExplicitConsent(purpose: Purpose): boolean {
  return purpose.special_category === true && purpose.special_category_condition === undefined;
}

function servicePurpose(requiredPurposes: readonly string[]): string | undefined {
  if (requiredPurposes.includes(defaultPurpose)) return defaultPurpose;
  const [only, ...others] = requiredPurposes;
  return only !== undefined && others.length === 0 && !separablePurposes.has(only) ? only : undefined;
}
