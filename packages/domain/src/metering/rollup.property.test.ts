import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type MeteredEvent, mergeQuantities, minuteOf, noQuantities, rollUp, rollupKey } from "./rollup.ts";

const tokens = fc.nat(1_000_000);
const quantities = fc.record({
  requests: fc.constant(1),
  input: tokens,
  cached_input: tokens,
  cache_write: tokens,
  output: tokens,
  reasoning: tokens,
  audio: tokens,
  image: tokens,
});
const event: fc.Arbitrary<MeteredEvent> = fc.record({
  tenant: fc.constantFrom("t_eu_a", "t_eu_b"),
  source: fc.constantFrom("gate", "import"),
  // Few ids, so that tenants and sources often share one.
  id: fc.nat(20).map(String),
  timeMs: fc.nat(300_000),
  model: fc.constantFrom("chat", "embed"),
  deployment: fc.constantFrom("d1", "d2"),
  region: fc.constantFrom("de", "us"),
  purpose: fc.constant("chat"),
  price: fc.constantFrom("p1", "p2"),
  quantities,
});
const events = fc.uniqueArray(event, { maxLength: 40, selector: ({ tenant, source, id }) => `${tenant} ${source} ${id}` });

const sorted = (rows: ReturnType<typeof rollUp>) => [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1));

test("order and duplicates do not matter", () => {
  const shuffled = events.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2 })));
  fc.assert(
    fc.property(shuffled, ([once, again]) => {
      expect(sorted(rollUp(again))).toEqual(sorted(rollUp(once)));
    }),
  );
});

test("merging is commutative and associative, and nothing added changes nothing", () => {
  fc.assert(
    fc.property(quantities, quantities, quantities, (a, b, c) => {
      expect(mergeQuantities(a, b)).toEqual(mergeQuantities(b, a));
      expect(mergeQuantities(mergeQuantities(a, b), c)).toEqual(mergeQuantities(a, mergeQuantities(b, c)));
      expect(mergeQuantities(a, noQuantities)).toEqual(a);
    }),
  );
});

test("every event is in exactly one row", () => {
  fc.assert(
    fc.property(events, (all) => {
      const requests = [...rollUp(all).values()].reduce((sum, row) => sum + row.quantities.requests, 0);
      expect(requests).toBe(all.length);
    }),
  );
});

test("a time belongs to the minute that starts at or before it", () => {
  fc.assert(
    fc.property(fc.integer({ min: -1e12, max: 4e12 }), (timeMs) => {
      const start = minuteOf(timeMs);
      expect(start % 60_000 === 0 && start <= timeMs && timeMs < start + 60_000).toBe(true);
    }),
  );
  expect(minuteOf(60_000)).toBe(60_000);
  expect(minuteOf(119_999)).toBe(60_000);
});

test("values cannot run into their neighbours in a key", () => {
  const row = { tenant: "t", model: "m", deployment: "d", region: "de", purpose: "chat", price: "p" };
  expect(rollupKey(0, { ...row, model: 'm","x', deployment: "d" })).not.toBe(rollupKey(0, { ...row, model: "m", deployment: 'x","d' }));
});

test("a sum that would no longer be exact is thrown, not rounded", () => {
  const full = { ...noQuantities, input: Number.MAX_SAFE_INTEGER };
  expect(() => mergeQuantities(full, { ...noQuantities, input: 1 })).toThrow(/input/);
});
