import { expect, test } from "vitest";
import type { Consent } from "./consent.ts";
import { checkLegalBasis, type PurposePolicy, type SubjectState } from "./legal-basis.ts";
import { legalBases, type Purpose } from "./purposes.ts";

const now = 1000;

function check(purpose: Purpose, subject?: Omit<SubjectState, "subject">, policy: Partial<PurposePolicy> = {}) {
  const person = subject === undefined ? undefined : { subject: "sub_1", ...subject };
  return checkLegalBasis("chat", { purposes: { chat: purpose }, requiredPurposes: [], ...policy }, person, now);
}
const codeOf = (decision: ReturnType<typeof check>) => (decision.allowed ? "allowed" : decision.code);
const withConsent = (consent: Consent) => ({ consents: { chat: consent } });

test.each<[Consent, string]>([
  [{ state: "never_asked" }, "consent_required"],
  [{ state: "given" }, "allowed"],
  [{ state: "renewed" }, "allowed"],
  [{ state: "refused" }, "consent_refused"],
  [{ state: "withdrawn" }, "consent_withdrawn"],
  [{ state: "expired" }, "consent_expired"],
  [{ state: "superseded" }, "reconsent_required"],
  [{ state: "given", validUntilMs: now }, "consent_expired"],
  [{ state: "given", validUntilMs: now + 1 }, "allowed"],
])("on the basis of consent, %j is answered with %s", (consent, answer) => {
  expect(codeOf(check({ basis: "consent" }, withConsent(consent)))).toBe(answer);
});

test("someone without a record was never asked", () => {
  expect(codeOf(check({ basis: "consent" }, {}))).toBe("consent_required");
});

test("consent of nobody is asked for by the name of the header", () => {
  expect(check({ basis: "consent" })).toMatchObject({ allowed: false, code: "consent_required", param: "x-weir-subject" });
});

test.each(legalBases.filter((basis) => basis !== "consent"))("%s needs no consent, and nobody to be named", (basis) => {
  expect(check({ basis })).toEqual({ allowed: true, basis });
  expect(check({ basis }, {})).toEqual({ allowed: true, basis });
});

test.each(legalBases)("restriction stops %s", (basis) => {
  expect(codeOf(check({ basis }, { restricted: true, ...withConsent({ state: "given" }) }))).toBe("processing_restricted");
});

test.each<[Purpose["basis"], string]>([
  ["legitimate_interests", "processing_objected"],
  ["public_task", "processing_objected"],
  ["contract", "allowed"],
  ["legal_obligation", "allowed"],
  ["vital_interests", "allowed"],
])("an objection to %s is answered with %s", (basis, answer) => {
  expect(codeOf(check({ basis }, { objections: { chat: 500 } }))).toBe(answer);
  expect(codeOf(check({ basis }, { objections: { other: 500 } }))).toBe("allowed");
});

test("an objection to advertising ends it on any basis", () => {
  const policy = { purposes: { advertising: { basis: "contract" } }, requiredPurposes: [] } as const;
  const subject = { subject: "sub_1", objections: { advertising: 500 } };
  expect(checkLegalBasis("advertising", policy, subject, now)).toMatchObject({ code: "processing_objected" });
});

test("an objection where consent is the basis holds until a later consent", () => {
  const objected = { objections: { chat: 500 } };
  expect(codeOf(check({ basis: "consent" }, { ...objected, ...withConsent({ state: "given", recordedAtMs: 400 }) }))).toBe(
    "processing_objected",
  );
  expect(codeOf(check({ basis: "consent" }, { ...objected, ...withConsent({ state: "given", recordedAtMs: 600 }) }))).toBe("allowed");
});

test("a change of basis never revives a refusal", () => {
  const changed: Purpose = { basis: "contract", basis_since: 500 };
  expect(codeOf(check(changed, withConsent({ state: "refused", recordedAtMs: 400 })))).toBe("consent_refused");
  expect(codeOf(check(changed, withConsent({ state: "withdrawn", recordedAtMs: 400 })))).toBe("consent_withdrawn");
  expect(codeOf(check(changed, withConsent({ state: "given", recordedAtMs: 400 })))).toBe("allowed");
  expect(codeOf(check(changed, withConsent({ state: "expired", recordedAtMs: 400 })))).toBe("allowed");
});

test("special categories need explicit consent on any basis, or a named condition", () => {
  const health: Purpose = { basis: "contract", special_category: true };
  expect(check(health)).toMatchObject({ code: "consent_required", param: "x-weir-subject" });
  expect(codeOf(check(health, withConsent({ state: "given" })))).toBe("consent_required");
  expect(codeOf(check(health, withConsent({ state: "given", explicit: true })))).toBe("allowed");
  expect(codeOf(check({ ...health, special_category_condition: "health_care" }, {}))).toBe("allowed");
});

test("a consent of weaker provenance than the policy demands does not count", () => {
  const policy = { minProvenance: "subject_token" } as const;
  const consent = (provenance?: Consent["provenance"]) => check({ basis: "consent" }, withConsent({ state: "given", provenance }), policy);
  expect(consent("app_asserted")).toMatchObject({ code: "consent_required", message: expect.stringContaining("at least subject_token") });
  expect(codeOf(consent())).toBe("consent_required");
  expect(codeOf(consent("hosted_dialogue"))).toBe("allowed");
});

test("a withdrawal counts whatever its provenance", () => {
  const withdrawn = withConsent({ state: "withdrawn", provenance: "imported" });
  expect(codeOf(check({ basis: "consent" }, withdrawn, { minProvenance: "hosted_dialogue" }))).toBe("consent_withdrawn");
});

test("a material notice since the consent asks for consent anew", () => {
  expect(codeOf(check({ basis: "consent", material_notice_version: 2 }, withConsent({ state: "given", noticeVersion: 1 })))).toBe(
    "reconsent_required",
  );
});

test("an undefined purpose is unknown, whatever it is called", () => {
  for (const purpose of ["nope", "constructor", "__proto__", ""]) {
    expect(checkLegalBasis(purpose, { purposes: {}, requiredPurposes: [] }, undefined, now)).toMatchObject({
      code: "purpose_unknown",
      param: "x-weir-purpose",
    });
  }
});

test("a required purpose that nobody described lets nothing pass", () => {
  expect(codeOf(check({ basis: "contract" }, {}, { requiredPurposes: ["safety"] }))).toBe("purpose_unknown");
});

test("of several purposes that refuse, the first in precedence answers", () => {
  const inOrder = ["o", "r", "w", "e", "s", "n"];
  const purposes: Record<string, Purpose> = { chat: { basis: "contract" }, o: { basis: "legitimate_interests" } };
  for (const id of ["r", "w", "e", "s", "n"]) purposes[id] = { basis: "consent" };
  const subject: SubjectState = {
    subject: "sub_1",
    objections: { o: 1 },
    consents: { r: { state: "refused" }, w: { state: "withdrawn" }, e: { state: "expired" }, s: { state: "superseded" } },
  };
  const answers = inOrder.map((_, index) => {
    const requiredPurposes = inOrder.slice(index).toReversed();
    return codeOf(checkLegalBasis("chat", { purposes, requiredPurposes }, subject, now));
  });
  expect(answers).toEqual([
    "processing_objected",
    "consent_refused",
    "consent_withdrawn",
    "consent_expired",
    "reconsent_required",
    "consent_required",
  ]);
});
