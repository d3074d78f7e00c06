import fc from "fast-check";
import { expect, test } from "vitest";
import { jcs } from "./jcs.ts";

const json = () => fc.jsonValue({ noUnicodeString: false, maxDepth: 4 }).filter((value) => JSON.stringify(value).isWellFormed());

function withReversedMembers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withReversedMembers);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, member]) => [name, withReversedMembers(member)]),
  );
}

test("the order of members does not change the canonical text", () => {
  fc.assert(
    fc.property(json(), (value) => {
      expect(jcs(withReversedMembers(value))).toBe(jcs(value));
    }),
  );
});

test("canonical text is its own canonical form", () => {
  fc.assert(
    fc.property(json(), (value) => {
      expect(jcs(JSON.parse(jcs(value)))).toBe(jcs(value));
    }),
  );
});

test("canonical text says what the value said", () => {
  fc.assert(
    fc.property(json(), (value) => {
      expect(JSON.parse(jcs(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test("different values have different canonical texts", () => {
  fc.assert(
    fc.property(json(), json(), (a, b) => {
      const same = JSON.stringify(withSortedText(a)) === JSON.stringify(withSortedText(b));
      expect(jcs(a) === jcs(b)).toBe(same);
    }),
  );
});

/** Another way to a comparable form: objects as sorted lists of pairs. */
function withSortedText(value: unknown): unknown {
  if (Array.isArray(value)) return ["list", ...value.map(withSortedText)];
  if (typeof value !== "object" || value === null) return value;
  const pairs = Object.entries(value).map(([name, member]) => [name, withSortedText(member)]);
  return ["object", ...pairs.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))];
}
