import fc from "fast-check";
import { expect, test } from "vitest";
import { toHex } from "../encoding/hex.ts";
import { toUtf8 } from "../encoding/utf8.ts";
import { appendEntries, decodeEntries, encodeEntries } from "./entry-bundle.ts";
import { someLeaves } from "./some-leaves.ts";

const golden = ["one", "two", "three"].map(toUtf8);

test("the golden log's bundle comes out byte for byte", () => {
  expect(toHex(encodeEntries(golden))).toBe("00036f6e65000374776f00057468726565");
});

test("entries come back from a bundle", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), (entries) => {
      expect(decodeEntries(encodeEntries(entries), entries.length)).toEqual(entries);
    }),
  );
});

test("an entry has at most 65,535 bytes", () => {
  expect(decodeEntries(encodeEntries([new Uint8Array(65_535)]), 1)?.[0]).toHaveLength(65_535);
  expect(() => encodeEntries([new Uint8Array(65_536)])).toThrow(RangeError);
});

test("a bundle cut short anywhere is refused", () => {
  const bytes = encodeEntries(golden);
  for (let length = 0; length < bytes.length; length++) expect(decodeEntries(bytes.slice(0, length), 3)).toBeUndefined();
});

test("a bundle with more or fewer entries than its width is refused", () => {
  expect(decodeEntries(encodeEntries(golden), 2)).toBeUndefined();
  expect(decodeEntries(encodeEntries(golden), 4)).toBeUndefined();
  expect(decodeEntries(Uint8Array.of(0), 0)).toBeUndefined();
});

test("bundles grown in random batches equal bundles made at once", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(4), fc.nat(400), fc.constantFrom(255, 256, 257)), { maxLength: 5 }), (batches) => {
      const entries = someLeaves(batches.reduce((sum, batch) => sum + batch, 0));
      const grown = new Map<number, Uint8Array>();
      let size = 0;
      for (const batch of batches) {
        for (const { index, bytes } of appendEntries(size, grown.get(Math.floor(size / 256)), entries.slice(size, size + batch)))
          grown.set(index, bytes);
        size += batch;
      }
      const atOnce = appendEntries(0, undefined, entries);
      expect(atOnce.map(({ width }) => width).reduce((sum, width) => sum + width, 0)).toBe(entries.length);
      expect([...grown].sort(([a], [b]) => a - b)).toEqual(atOnce.map(({ index, bytes }) => [index, bytes]));
    }),
    { numRuns: 30 },
  );
});

test("entries do not join a log whose last bundle is missing or wrong", () => {
  expect(() => appendEntries(3, undefined, golden)).toThrow("does not hold 3 entries");
  expect(() => appendEntries(4, encodeEntries(golden), golden)).toThrow(RangeError);
});
