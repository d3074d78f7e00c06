import { expect, test } from "vitest";
import { consentStateAfter, dpvConsentStatus, effectiveConsent, isAtLeast } from "./consent.ts";

const given = { kind: "given", recordedAtMs: 100 } as const;
const stateAt = (now: number, ...history: Parameters<typeof consentStateAfter>[0]) => consentStateAfter(history, now).state;

test("someone who never decided was never asked", () => {
  expect(stateAt(0)).toBe("never_asked");
  expect(stateAt(200, { kind: "superseded", recordedAtMs: 100 })).toBe("never_asked");
});

test("each decision leads to its state", () => {
  expect(stateAt(200, given)).toBe("given");
  expect(stateAt(200, { kind: "refused", recordedAtMs: 100 })).toBe("refused");
  expect(stateAt(200, given, { kind: "withdrawn", recordedAtMs: 150 })).toBe("withdrawn");
});

test("a consent given again while valid is renewed, and one given after it ended is given", () => {
  expect(stateAt(200, given, { kind: "given", recordedAtMs: 150 })).toBe("renewed");
  expect(stateAt(200, { ...given, validUntilMs: 150 }, { kind: "given", recordedAtMs: 150 })).toBe("given");
  expect(stateAt(200, given, { kind: "withdrawn", recordedAtMs: 150 }, { kind: "given", recordedAtMs: 160 })).toBe("given");
});

test("a consent expires at its moment, with no job having run", () => {
  const history = [{ ...given, validUntilMs: 300 }];
  expect(consentStateAfter(history, 299).state).toBe("given");
  expect(consentStateAfter(history, 300).state).toBe("expired");
  expect(effectiveConsent(consentStateAfter(history, 200), 300).state).toBe("expired");
});

test("a material notice supersedes consent to an earlier one, not to itself", () => {
  const notice = { kind: "superseded", recordedAtMs: 150, noticeVersion: 2 } as const;
  expect(stateAt(200, { ...given, noticeVersion: 1 }, notice)).toBe("superseded");
  expect(stateAt(200, given, notice)).toBe("superseded");
  expect(stateAt(200, notice, { ...given, recordedAtMs: 160, noticeVersion: 2 })).toBe("given");
  expect(stateAt(200, { ...given, noticeVersion: 2 }, notice)).toBe("given");
});

test("consent to an old notice that arrives after a new one is superseded at once", () => {
  const notice = { kind: "superseded", recordedAtMs: 50, noticeVersion: 2 } as const;
  expect(stateAt(200, notice, { ...given, noticeVersion: 1 })).toBe("superseded");
});

test("a notice that is known only when deciding supersedes too", () => {
  const consent = consentStateAfter([{ ...given, noticeVersion: 1 }], 200);
  expect(effectiveConsent(consent, 200, 2).state).toBe("superseded");
  expect(effectiveConsent(consent, 200, 1).state).toBe("given");
  expect(effectiveConsent({ state: "refused", noticeVersion: 1 }, 200, 2).state).toBe("refused");
});

test("expired comes before superseded", () => {
  const history = [
    { ...given, validUntilMs: 300 },
    { kind: "superseded", recordedAtMs: 150 },
  ] as const;
  expect(consentStateAfter(history, 200).state).toBe("superseded");
  expect(consentStateAfter(history, 300).state).toBe("expired");
});

test("a withdrawal that a faster clock recorded is heard", () => {
  expect(stateAt(100, { ...given, recordedAtMs: 90 }, { kind: "withdrawn", recordedAtMs: 105 })).toBe("withdrawn");
});

test("only an order of provenance decides what is at least as strong", () => {
  expect(isAtLeast("hosted_dialogue", "subject_token")).toBe(true);
  expect(isAtLeast("subject_token", "subject_token")).toBe(true);
  expect(isAtLeast("app_asserted", "subject_token")).toBe(false);
  expect(isAtLeast(undefined, "imported")).toBe(false);
});

test("states carry the names of the Data Privacy Vocabulary", () => {
  expect(dpvConsentStatus).toEqual({
    given: "dpv:ConsentGiven",
    renewed: "dpv:RenewedConsentGiven",
    refused: "dpv:ConsentRefused",
    withdrawn: "dpv:ConsentWithdrawn",
    expired: "dpv:ConsentExpired",
    superseded: "dpv:ConsentInvalidated",
  });
});
