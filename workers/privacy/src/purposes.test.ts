import { describe, expect, test } from "vitest";
import { basisSince, refuseBundling, requireRecorded } from "./purposes.ts";

describe("the moment from which a basis holds", () => {
  test("is not noted for the first basis", () => expect(basisSince(undefined, { basis: "consent" }, 5)).toEqual({}));

  test("is after every choice of the same millisecond, so that a refusal from before stays one", () => {
    expect(basisSince({ basis: "consent" }, { basis: "legitimate_interests" }, 5)).toEqual({ basis_since: 6 });
  });

  test("does not move while the basis stays", () => {
    expect(basisSince({ basis: "consent", basis_since: 3 }, { basis: "consent" }, 5)).toEqual({ basis_since: 3 });
  });
});

test("a separable purpose that rests on consent cannot be required, unless its necessity is recorded", () => {
  const chat = { basis: "contract" } as const;
  expect(() => refuseBundling(["chat", "training"], { chat, training: { basis: "consent" } }, "basis")).toThrow("training");
  expect(() => refuseBundling(["chat", "training"], { chat, training: { basis: "consent", necessity: "why" } }, "basis")).not.toThrow();
});

test("a purpose that nobody recorded is named", () => {
  expect(() => requireRecorded({ chat: { basis: "contract" } }, ["chat", "constructor"], "purposes")).toThrow(
    '"constructor" is not recorded',
  );
});
