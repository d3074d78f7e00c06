import * as fc from "fast-check";
import { expect, test } from "vitest";
import { aPrice } from "./a-price.test-support.ts";
import { formatDecimal, parseDecimal, roundHalfAwayFromZero } from "./money.ts";
import { invoiceLines, invoiceTotal, rate } from "./rating.ts";
import { type TokenBucket, tokenBuckets } from "./token-buckets.ts";

const tokens = fc.bigInt({ min: 0n, max: 10n ** 15n });
const quantities = fc.record({
  input: tokens,
  cached_input: tokens,
  cache_write: tokens,
  output: tokens,
  reasoning: tokens,
  audio: tokens,
  image: tokens,
});
const decimal = fc.bigInt({ min: 0n, max: 10n ** 9n }).map((micros) => formatDecimal(micros, 6));
const price = fc
  .record(
    { input: decimal, output: decimal, cached_input: decimal, cache_write: decimal, reasoning: decimal, audio: decimal, image: decimal },
    { requiredKeys: ["input", "output"] },
  )
  .chain((text) => fc.constantFrom("USD", "JPY", "KWD").map((currency) => aPrice({ ...text, currency })));

type Quantities = Record<TokenBucket, bigint>;

function sum(parts: readonly Quantities[]): Quantities {
  const total: Quantities = { input: 0n, cached_input: 0n, cache_write: 0n, output: 0n, reasoning: 0n, audio: 0n, image: 0n };
  for (const part of parts) for (const bucket of tokenBuckets) total[bucket] += part[bucket];
  return total;
}

test("rating a split period equals rating the whole, in any order", () => {
  fc.assert(
    fc.property(fc.array(quantities, { maxLength: 20 }), price, (parts, price) => {
      const whole = rate(sum(parts), price);
      const split = parts.toReversed().reduce((picos, part) => picos + rate(part, price), 0n);
      expect(split).toBe(whole);
    }),
  );
});

test("usage is never worth less than nothing, and more usage never less", () => {
  fc.assert(
    fc.property(quantities, quantities, price, (a, b, price) => {
      expect(rate(a, price) >= 0n).toBe(true);
      expect(rate(sum([a, b]), price) >= rate(a, price)).toBe(true);
    }),
  );
});

test("lines show their exact amounts, which sum to the rating, and the total is the sum of the rounded lines", () => {
  fc.assert(
    fc.property(quantities, price, (quantities, price) => {
      const lines = invoiceLines(quantities, price);
      const exact = lines.map((line) => parseDecimal(line.exactAmount, 12));
      expect(exact.reduce((sum, picos) => sum + picos, 0n)).toBe(rate(quantities, price));
      expect(lines.map((line) => line.amountMinor)).toEqual(exact.map((picos) => roundHalfAwayFromZero(picos, price.currency)));
      expect(invoiceTotal(lines, price.currency).amountMinor).toBe(lines.reduce((sum, line) => sum + line.amountMinor, 0n));
    }),
  );
});
