import fc from "fast-check";
import { expect, test } from "vitest";
import { bundlePath, parseTilePath, tilePath } from "./tile-path.ts";

test.each([
  [{ level: 0, index: 1_234_067, width: 256 }, "/tile/0/x001/x234/067"],
  [{ level: 0, index: 0, width: 3 }, "/tile/0/000.p/3"],
  [{ level: 1, index: 999, width: 17 }, "/tile/1/999.p/17"],
  [{ level: 2, index: 1000, width: 255 }, "/tile/2/x001/000.p/255"],
  [{ level: 63, index: Number.MAX_SAFE_INTEGER, width: 256 }, "/tile/63/x009/x007/x199/x254/x740/991"],
])("%j is at %s", (tile, path) => {
  expect(tilePath(tile)).toBe(path);
  expect(parseTilePath(path)).toEqual({ kind: "hashes", ...tile });
});

test("a bundle of entries has the address of its tile, with another level", () => {
  expect(bundlePath({ index: 1_234_067, width: 256 })).toBe("/tile/entries/x001/x234/067");
  expect(parseTilePath("/tile/entries/000.p/3")).toEqual({ kind: "entries", index: 0, width: 3 });
});

test("every tile and bundle comes back from its path", () => {
  const tile = fc.record({ level: fc.nat(63), index: fc.maxSafeNat(), width: fc.integer({ min: 1, max: 256 }) });
  fc.assert(
    fc.property(tile, ({ level, index, width }) => {
      expect(parseTilePath(tilePath({ level, index, width }))).toEqual({ kind: "hashes", level, index, width });
      expect(parseTilePath(bundlePath({ index, width }))).toEqual({ kind: "entries", index, width });
    }),
  );
});

test("a path is read only if it is the one that would be written", () => {
  const part = fc.constantFrom(
    "/",
    "tile",
    "entries",
    "0",
    "00",
    "000",
    "001",
    "x",
    "x000",
    "x001",
    ".p",
    "255",
    "256",
    "..",
    "%2f",
    "\n",
    "63",
  );
  const path = fc.array(part, { maxLength: 7 }).map((parts) => `/tile/${parts.join("")}`);
  fc.assert(
    fc.property(path, (path) => {
      const parsed = parseTilePath(path);
      const written = parsed?.kind === "entries" ? bundlePath(parsed) : parsed && tilePath(parsed);
      expect(written ?? path).toBe(path);
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ["escapes upwards", "/tile/0/../../checkpoint"],
  ["a dot segment", "/tile/0/./000"],
  ["an encoded slash", "/tile/0/x001%2f000"],
  ["an encoded digit", "/tile/0/00%30"],
  ["a backslash", "/tile\\0\\000"],
  ["something in front", "/audit/tile/0/000"],
  ["no slash in front", "tile/0/000"],
  ["a second slash", "//tile/0/000"],
  ["something behind", "/tile/0/000/"],
  ["a newline behind", "/tile/0/000\n"],
  ["a query", "/tile/0/000?x=1"],
  ["a nul", "/tile/0/000\u0000"],
  ["a level with a zero in front", "/tile/00/000"],
  ["a level above 63", "/tile/64/000"],
  ["a level of three digits", "/tile/100/000"],
  ["no index", "/tile/0/"],
  ["two digits", "/tile/0/67"],
  ["four digits", "/tile/0/1234"],
  ["a missing x", "/tile/0/001/000"],
  ["a last group with an x", "/tile/0/x001"],
  ["a needless group", "/tile/0/x000/001"],
  ["an index above 2^53", "/tile/0/x009/x007/x199/x254/x740/992"],
  ["seven groups", "/tile/0/x001/x000/x000/x000/x000/x000/000"],
  ["width 0", "/tile/0/000.p/0"],
  ["width 256", "/tile/0/000.p/256"],
  ["width with a zero in front", "/tile/0/000.p/07"],
  ["an empty width", "/tile/0/000.p/"],
  ["a sign", "/tile/0/000.p/+7"],
  ["other digits", "/tile/0/٠٠٠"],
  ["another section", "/tile/data/000"],
  ["capitals", "/TILE/0/000"],
])("a path with %s is refused", (_, path) => {
  expect(parseTilePath(path)).toBeUndefined();
});

test("any text at all is read or refused, never an error", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(parseTilePath(text)).toBeUndefined();
    }),
  );
});

test.each([
  { level: -1, index: 0, width: 1 },
  { level: 64, index: 0, width: 1 },
  { level: 0, index: -1, width: 1 },
  { level: 0, index: 2 ** 53, width: 1 },
  { level: 0, index: 0, width: 0 },
  { level: 0, index: 0, width: 257 },
  { level: 0, index: 0, width: 1.5 },
])("%j has no path", (tile) => {
  expect(() => tilePath(tile)).toThrow(RangeError);
});
