import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CELLS } from "./cells.ts";
import { ID_PREFIXES, isId, logOfTenant, newId, parseId, randomPart, tenantOfLog, type IdKind } from "./ids.ts";

const KINDS = Object.keys(ID_PREFIXES).filter((kind): kind is IdKind => Object.hasOwn(ID_PREFIXES, kind));

describe.each(KINDS)("the id of a %s", (kind) => {
  test.each(CELLS)("names its kind and its cell, %s", (cell) => {
    const id = newId(kind, cell);
    expect(id).toMatch(new RegExp(`^${ID_PREFIXES[kind]}_${cell}_[0-9a-z]{26}$`));
    expect(parseId(id)).toEqual({ kind, cell, random: id.slice(-26) });
    expect(KINDS.filter((other) => isId(other, id))).toEqual([kind]);
  });
});

test("no two kinds share a prefix, and none has an underscore", () => {
  const prefixes = Object.values(ID_PREFIXES);
  expect(new Set(prefixes).size).toBe(prefixes.length);
  expect(prefixes.filter((prefix) => !/^[a-z]+$/.test(prefix))).toEqual([]);
});

test("ten thousand ids are ten thousand different ids", () => {
  expect(new Set(Array.from({ length: 10_000 }, randomPart)).size).toBe(10_000);
});

test.each([
  "",
  "t",
  "t_eu",
  "t_eu_",
  "t_eu_short",
  `t_xx_${"0".repeat(26)}`,
  `t_EU_${"0".repeat(26)}`,
  `x_eu_${"0".repeat(26)}`,
  `__proto___eu_${"0".repeat(26)}`,
  `constructor_eu_${"0".repeat(26)}`,
  `t_eu_${"0".repeat(25)}`,
  `t_eu_${"0".repeat(27)}`,
  `t_eu_${"o".repeat(26)}`,
  `t_eu_${"A".repeat(26)}`,
  `t_eu_${"0".repeat(26)}_`,
  ` t_eu_${"0".repeat(26)}`,
  `t_eu_${"0".repeat(26)}\n`,
])("%j is not an id", (text) => {
  expect(parseId(text)).toBeUndefined();
  expect(isId("tenant", text)).toBe(false);
});

test("any text at all is an id or is not, and nothing is thrown", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(() => parseId(text)).not.toThrow();
    }),
  );
});

test("a tenant and its audit log name each other", () => {
  const tenant = newId("tenant", "eu");
  expect(isId("log", logOfTenant(tenant))).toBe(true);
  expect(tenantOfLog(logOfTenant(tenant))).toBe(tenant);
});
