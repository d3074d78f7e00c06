import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GRANTABLE_SCOPES, hasScope, SCOPES, scopesNotHeld } from "./scopes.ts";

const held = fc.subarray([...GRANTABLE_SCOPES]);
const BY_NAME_ONLY = ["evidence:claims", "operator"] as const;

describe("the scope *", () => {
  test.each(SCOPES.filter((scope) => !BY_NAME_ONLY.some((named) => named === scope)))("is also %s", (scope) => {
    expect(hasScope(["*"], scope)).toBe(true);
  });

  test.each(BY_NAME_ONLY)("is not %s, which is given by name", (scope) => {
    expect(hasScope(["*"], scope)).toBe(false);
    expect(scopesNotHeld(["*"], [scope])).toEqual([scope]);
    expect(hasScope(["*", scope], scope)).toBe(true);
  });

  test("is granted by its holder alone: all scopes one by one are not it", () => {
    expect(scopesNotHeld([...SCOPES], ["*"])).toEqual(["*"]);
    expect(scopesNotHeld(["*"], ["*"])).toEqual([]);
  });
});

test("a scope is held by its exact name", () => {
  for (const near of ["billing", "billing:", "billing:*", "BILLING:READ", "billing:read ", "__proto__", "length"]) {
    expect(hasScope([near], "billing:read")).toBe(false);
  }
  expect(SCOPES.filter((scope) => hasScope([], scope))).toEqual([]);
});

test("nobody grants what they lack: a granted key can do nothing that its granter cannot", () => {
  fc.assert(
    fc.property(held, held, (granter, wanted) => {
      const granted = wanted.filter((scope) => !scopesNotHeld(granter, wanted).includes(scope));
      expect(SCOPES.filter((scope) => hasScope(granted, scope) && !hasScope(granter, scope))).toEqual([]);
      expect(scopesNotHeld(granter, granter)).toEqual([]);
    }),
  );
});
