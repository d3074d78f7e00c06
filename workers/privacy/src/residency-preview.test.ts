import { expect, test } from "vitest";
import { purposeOfRequest } from "./residency-preview.ts";

test("before anything is recorded, chat is served as a contract and says so", () => {
  expect(purposeOfRequest({}, undefined, [])).toEqual({ id: "chat", basis: "contract (not recorded)", consent_needed: [] });
});

test("once a purpose is recorded, only recorded ones exist", () => {
  const recorded = { training: { basis: "consent" } } as const;
  expect(purposeOfRequest(recorded, undefined, [])).toBeNull();
  expect(() => purposeOfRequest(recorded, "chat", [])).toThrow('No purpose "chat"');
});

test("a preview names every purpose that the person must have consented to", () => {
  const recorded = {
    chat: { basis: "contract" },
    profiling: { basis: "consent" },
    health: { basis: "contract", special_category: true },
  } as const;
  expect(purposeOfRequest(recorded, "chat", ["profiling", "health"])?.consent_needed).toEqual(["profiling", "health"]);
});
