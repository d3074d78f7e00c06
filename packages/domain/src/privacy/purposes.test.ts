import { expect, test } from "vitest";
import { findBundledConsent, type Purpose } from "./purposes.ts";

const purposes: Record<string, Purpose> = {
  chat: { basis: "consent" },
  triage: { basis: "consent" },
  training: { basis: "consent" },
  fraud: { basis: "legitimate_interests" },
  health: { basis: "contract", special_category: true },
};

test("a service may rest on consent to itself", () => {
  expect(findBundledConsent(["chat"], purposes)).toBeUndefined();
  expect(findBundledConsent(["triage"], purposes)).toBeUndefined();
  expect(findBundledConsent([], purposes)).toBeUndefined();
});

test("consent to another purpose cannot be the price of a service", () => {
  expect(findBundledConsent(["chat", "training"], purposes)).toMatchObject({ code: "bundled_consent", purpose: "training" });
  expect(findBundledConsent(["training"], purposes)).toMatchObject({ code: "bundled_consent", purpose: "training" });
  expect(findBundledConsent(["triage", "chat"], purposes)).toMatchObject({ purpose: "triage" });
  expect(findBundledConsent(["chat", "health"], purposes)).toMatchObject({ purpose: "health" });
});

test("a recorded necessity permits it, and other bases are not consent", () => {
  const necessary = { ...purposes, training: { basis: "consent", necessity: "the service is the training" } } as const;
  expect(findBundledConsent(["chat", "training"], necessary)).toBeUndefined();
  expect(findBundledConsent(["chat", "fraud"], purposes)).toBeUndefined();
});
