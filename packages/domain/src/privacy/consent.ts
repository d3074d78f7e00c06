/** What a person has said about one purpose, as it stands. Only `given` and `renewed` permit anything. */
export type ConsentState = "never_asked" | "given" | "renewed" | "refused" | "withdrawn" | "expired" | "superseded";

/** W3C Data Privacy Vocabulary names, as ISO/IEC TS 27560 records use them. Nothing is recorded for someone who was never asked. */
export const dpvConsentStatus: Readonly<Record<Exclude<ConsentState, "never_asked">, string>> = {
  given: "dpv:ConsentGiven",
  renewed: "dpv:RenewedConsentGiven",
  refused: "dpv:ConsentRefused",
  withdrawn: "dpv:ConsentWithdrawn",
  expired: "dpv:ConsentExpired",
  superseded: "dpv:ConsentInvalidated",
};

/** How a decision came to be known, weakest first. An app's word is the tenant's assertion and is shown as such. */
export const provenances = ["imported", "app_asserted", "subject_token", "hosted_dialogue"] as const;

export type Provenance = (typeof provenances)[number];

/** Something that bears on consent to one purpose. Expiry is not among them: it needs no event and no job. */
export interface ConsentEvent {
  /** `superseded`: a material notice was published. `given` while a consent is valid renews it. */
  readonly kind: "given" | "refused" | "withdrawn" | "superseded";
  /** By the server, on arrival, ms since epoch. When a person says they decided does not change what comes first. */
  readonly recordedAtMs: number;
  /** First moment at which a consent is no longer valid; until withdrawn if left out. */
  readonly validUntilMs?: number | undefined;
  /** Version of the notice shown; for `superseded`, the version published. */
  readonly noticeVersion?: number | undefined;
  readonly provenance?: Provenance | undefined;
  /** An explicit statement in the sense of Art. 9(2)(a) GDPR. */
  readonly explicit?: boolean | undefined;
}

/** The state and what it rests on. Held in leases: `effectiveConsent` says what it means at a later moment. */
export interface Consent {
  readonly state: ConsentState;
  readonly recordedAtMs?: number | undefined;
  readonly validUntilMs?: number | undefined;
  readonly noticeVersion?: number | undefined;
  readonly provenance?: Provenance | undefined;
  readonly explicit?: boolean | undefined;
}

export const neverAsked: Consent = { state: "never_asked" };

/**
 * Where a history of one purpose leads. Order is by `recordedAtMs`, ties in the order given. Only a later `given` turns anything into
 * permission. Events recorded after `now` count: of two clocks that differ, the one that knows of a withdrawal must be heard.
 */
export function consentStateAfter(history: readonly ConsentEvent[], now: number): Consent {
  let consent = neverAsked;
  let materialVersion: number | undefined;
  for (const event of history.toSorted((a, b) => a.recordedAtMs - b.recordedAtMs)) {
    if (event.kind === "superseded") {
      materialVersion = latest(materialVersion, event.noticeVersion);
      consent = superseded(consent, event);
    } else {
      consent = decided(consent, event, materialVersion);
    }
  }
  return effectiveConsent(consent, now);
}

/**
 * What a recorded consent means at `now`, with the version of the latest material notice if the caller knows it. Time and notices only
 * ever end a consent. Expired comes before superseded when both hold.
 */
export function effectiveConsent(consent: Consent, now: number, materialNoticeVersion?: number): Consent {
  if (!isPermission(consent) && consent.state !== "superseded") return consent;
  if (consent.validUntilMs !== undefined && now >= consent.validUntilMs) return { ...consent, state: "expired" };
  return isOutdated(consent, materialNoticeVersion) ? { ...consent, state: "superseded" } : consent;
}

export function isPermission(consent: Consent): boolean {
  return consent.state === "given" || consent.state === "renewed";
}

/** Whether a provenance is at least as strong as the minimum. One that was not recorded is weaker than any. */
export function isAtLeast(provenance: Provenance | undefined, minimum: Provenance): boolean {
  return provenance !== undefined && provenances.indexOf(provenance) >= provenances.indexOf(minimum);
}

function decided(before: Consent, event: ConsentEvent, materialVersion: number | undefined): Consent {
  const { kind, ...facts } = event;
  if (kind === "refused" || kind === "withdrawn") return { ...facts, state: kind };
  const renews = isPermission(effectiveConsent(before, event.recordedAtMs));
  const consent: Consent = { ...facts, state: renews ? "renewed" : "given" };
  return isOutdated(consent, materialVersion) ? { ...consent, state: "superseded" } : consent;
}

/** A material notice ends a consent to an earlier one. Without versions the order of arrival decides. */
function superseded(consent: Consent, event: ConsentEvent): Consent {
  if (!isPermission(effectiveConsent(consent, event.recordedAtMs))) return consent;
  const toThisOrLater =
    consent.noticeVersion !== undefined && event.noticeVersion !== undefined && consent.noticeVersion >= event.noticeVersion;
  return toThisOrLater ? consent : { ...consent, state: "superseded" };
}

function isOutdated(consent: Consent, materialVersion: number | undefined): boolean {
  return materialVersion !== undefined && consent.noticeVersion !== undefined && consent.noticeVersion < materialVersion;
}

function latest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.max(a, b);
}
