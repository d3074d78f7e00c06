import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_PACK_BYTES } from "@weir/events/envelope";
import { told } from "./considered.ts";

const considered = fc.array(
  fc.record({
    id: fc.string({ minLength: 1, maxLength: 31 }),
    eligible: fc.boolean(),
    reasons: fc.array(fc.string({ maxLength: 5_000 }), { maxLength: 40 }),
  }),
  { maxLength: 100 },
);

test("whatever a policy lists, what is told of it fits a message with room to spare", () => {
  fc.assert(
    fc.property(considered, (all) => {
      expect(JSON.stringify(told(all)).length).toBeLessThan(MAX_PACK_BYTES);
    }),
    { numRuns: 50 },
  );
  const worst = Array.from({ length: 64 }, (_, index) => ({ id: `dep_${index}`, eligible: false, reasons: ["x".repeat(200_000), "y"] }));
  expect(JSON.stringify(told(worst)).length).toBeLessThan(40_000);
});

test("what fits is told whole, and what was left out is counted", () => {
  const reasons = ['inference: "us" is outside the policy\'s "eu"'];
  expect(told([{ id: "dep_1", eligible: false, reasons }])).toEqual([{ id: "dep_1", eligible: false, reasons }]);
  const many = Array.from({ length: 80 }, () => "z".repeat(300));
  expect(told([{ id: "dep_1", eligible: false, reasons: many }])[0]?.reasons.at(-1)).toBe(`and ${80 - 79} more`);
});
