import { newId } from "@weir/domain/ids";
import { newKey, OPERATOR } from "@weir/domain/keys";
import { describe, expect, test } from "vitest";
import { bearerKey, ownTenant } from "./auth.ts";

const { key } = newKey("eu", newId("tenant", "eu"));

describe("a bearer key", () => {
  test.each([`Bearer ${key}`, `bearer ${key}`, `BEARER  ${key}`])(
    "is read from %s: the scheme's letters may be small (RFC 9110, 11.1)",
    (header) => {
      expect(bearerKey(header)).toBe(key);
    },
  );

  test.each([
    undefined,
    "",
    "Bearer",
    "Bearer ",
    key,
    `Basic ${key}`,
    `Bearer ${key} ${key}`,
    `Bearer ${key}\n`,
    `Bearer ${key},x`,
    `xBearer ${key}`,
  ])("is not in %j, and the answer does not repeat it", (header) => {
    expect(() => bearerKey(header)).toThrow(
      expect.objectContaining({ code: "invalid_api_key", message: expect.not.stringContaining(key) }),
    );
  });
});

describe("the tenant that a path names", () => {
  const tenant = newId("tenant", "eu");
  const caller = { key: "key", scopes: ["*"] };

  test("is the caller's own", () => {
    expect(ownTenant({ ...caller, tenant }, tenant)).toBe(tenant);
  });

  test("may be any for the operator, whose scope says what for", () => {
    expect(ownTenant({ ...caller, tenant: OPERATOR }, tenant)).toBe(tenant);
  });

  test.each([newId("tenant", "eu"), "", `${tenant} `, tenant.toUpperCase(), "__proto__"])(
    "is not found when it is another: %j",
    (other) => {
      expect(() => ownTenant({ ...caller, tenant }, other)).toThrow(expect.objectContaining({ code: "not_found" }));
    },
  );
});
