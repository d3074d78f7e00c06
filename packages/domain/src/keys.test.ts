import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CELLS } from "./cells.ts";
import { newId } from "./ids.ts";
import { hashKey, newKey, OPERATOR, parseKey, sameHash } from "./keys.ts";

const cell = fc.constantFrom(...CELLS);

describe("a new key", () => {
  test("says for which cell and tenant it is, and which key", () => {
    fc.assert(
      fc.property(cell, (place) => {
        const tenant = newId("tenant", place);
        const { key, id } = newKey(place, tenant);
        expect(parseKey(key)).toEqual({ cell: place, tenant, id });
        expect(key).toMatch(/^wk_[a-z]+_[0-9a-z]{26}_[0-9a-z]{26}_[0-9a-z]{39}$/);
      }),
    );
  });

  test("of the operator says so", () => {
    const { key, id } = newKey("us", OPERATOR);
    expect(parseKey(key)).toEqual({ cell: "us", tenant: OPERATOR, id });
  });

  test("shares neither id nor secret with another of the same tenant", () => {
    const tenant = newId("tenant", "eu");
    const keys = Array.from({ length: 1_000 }, () => newKey("eu", tenant));
    expect(new Set(keys.map(({ id }) => id)).size).toBe(1_000);
    expect(new Set(keys.map(({ key }) => key.slice(-39, -7))).size).toBe(1_000);
  });
});

describe("a key is refused by arithmetic alone", () => {
  const anyKey = cell.map((place) => newKey(place, newId("tenant", place)).key);

  test("when any one character is another", () => {
    fc.assert(
      fc.property(
        anyKey,
        fc.nat(),
        fc.constantFrom(..."0123456789abcdefghijklmnopqrstuvwxyzABCXYZ_- \n\0é".split("")),
        (key, position, character) => {
          const at = position % key.length;
          fc.pre(key.charAt(at) !== character);
          expect(parseKey(key.slice(0, at) + character + key.slice(at + 1))).toBeUndefined();
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("when two neighbours have changed places", () => {
    fc.assert(
      fc.property(anyKey, fc.nat(), (key, position) => {
        const at = position % (key.length - 1);
        fc.pre(key.charAt(at) !== key.charAt(at + 1));
        expect(parseKey(key.slice(0, at) + key.charAt(at + 1) + key.charAt(at) + key.slice(at + 2))).toBeUndefined();
      }),
      { numRuns: 2_000 },
    );
  });

  test("when a character is missing or one too many", () => {
    fc.assert(
      fc.property(anyKey, fc.nat(), (key, position) => {
        const at = position % key.length;
        expect(parseKey(key.slice(0, at) + key.slice(at + 1))).toBeUndefined();
        expect(parseKey(`${key.slice(0, at)}0${key.slice(at)}`)).toBeUndefined();
      }),
    );
  });

  test("when its cell is rewritten", () => {
    const { key } = newKey("eu", newId("tenant", "eu"));
    expect(parseKey(key.replace("wk_eu_", "wk_us_"))).toBeUndefined();
  });

  test.each(["", "wk_", "wk_eu_", "sk-abc", "x".repeat(1_000_000), `wk_eu_${"0".repeat(500)}`])("when it is nothing like a key", (text) => {
    expect(parseKey(text)).toBeUndefined();
  });

  test("whatever it is, and nothing is thrown", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseKey(text)).toBeUndefined();
      }),
    );
  });
});

describe("what is stored of a key", () => {
  test("is its SHA-256, as everybody else computes it", async () => {
    const { key } = newKey("eu", newId("tenant", "eu"));
    expect(await hashKey(key)).toBe(createHash("sha256").update(key).digest("hex"));
  });

  test("is compared as a whole", () => {
    expect(sameHash("abc", "abc")).toBe(true);
    expect(sameHash("abc", "abd")).toBe(false);
    expect(sameHash("abc", "abcd")).toBe(false);
    expect(sameHash("abc", "")).toBe(false);
  });
});
