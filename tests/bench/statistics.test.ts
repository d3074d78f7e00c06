import fc from "fast-check";
import { expect, test } from "vitest";
import { median, percentile } from "./statistics.ts";

test.each([
  { share: 0, value: 1 },
  { share: 0.5, value: 2 },
  { share: 0.51, value: 3 },
  { share: 0.99, value: 4 },
  { share: 1, value: 4 },
])("the percentile at $share of 1, 2, 3, 4 is $value", ({ share, value }) => {
  expect(percentile([1, 2, 3, 4], share)).toBe(value);
});

test("a percentile is one of the values, with at least that share of them at or below it", () => {
  const values = fc.array(fc.integer(), { minLength: 1 });
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (some, share) => {
      const sorted = some.toSorted((a, b) => a - b);
      const value = percentile(sorted, share);
      expect(sorted).toContain(value);
      expect(sorted.filter((other) => other <= value).length).toBeGreaterThanOrEqual(share * sorted.length);
    }),
  );
});

test.each([
  { values: [5], middle: 5 },
  { values: [9, 1, 5], middle: 5 },
  { values: [10, 2, 4, 8], middle: 6 },
])("the median of $values is $middle", ({ values, middle }) => {
  expect(median(values)).toBe(middle);
});

test("of nothing there is neither", () => {
  expect(percentile([], 0.5)).toBeNaN();
  expect(median([])).toBeNaN();
});
