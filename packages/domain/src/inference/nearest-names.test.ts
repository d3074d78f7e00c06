import * as fc from "fast-check";
import { expect, test } from "vitest";
import { editDistance, nearestNames } from "./nearest-names.ts";

test("a typing error finds the name that was meant, nearest first", () => {
  expect(nearestNames("cht", ["chat", "embed", "chart"])).toEqual(["chat", "chart"]);
  expect(nearestNames("GPT-4O", ["gpt-4o", "gpt-4o-mini", "llama"])).toEqual(["gpt-4o", "gpt-4o-mini"]);
});

test("nothing near is nothing suggested", () => {
  expect(nearestNames("claude-sonnet", ["embed", "whisper"])).toEqual([]);
  expect(nearestNames("anything", [])).toEqual([]);
});

test("an endless name costs no more than a long one", () => {
  const names = Array.from({ length: 200 }, (_, index) => `model-${index}`);
  expect(nearestNames("x".repeat(1_000_000), names)).toEqual([]);
});

test("edit distance is a distance", () => {
  expect(editDistance("kitten", "sitting")).toBe(3);
  const word = fc.string({ maxLength: 8 });
  fc.assert(
    fc.property(word, word, word, (a, b, c) => {
      expect(editDistance(a, a)).toBe(0);
      expect(editDistance(a, b)).toBe(editDistance(b, a));
      expect(editDistance(a, c) <= editDistance(a, b) + editDistance(b, c)).toBe(true);
    }),
  );
});
