import { expect, test } from "vitest";
import { fromAnthropic } from "../inference/usage.ts";
import { aPrice } from "./a-price.test-support.ts";
import { formatDecimal } from "./money.ts";
import { invoiceLines, invoiceTotal, rate } from "./rating.ts";

test("input and output are each rated at their own price (A37)", () => {
  const alice = rate({ input: 100, output: 50 }, aPrice({ per: 1, input: "0.01", output: "0.03" }));
  const bob = rate({ input: 200, output: 80 }, aPrice({ per: 1, input: "0.003", output: "0.015" }));
  expect([formatDecimal(alice, 12), formatDecimal(bob, 12)]).toEqual(["2.5", "1.8"]);
});

test("tokens written to a cache are charged once (A38)", () => {
  const usage = fromAnthropic({ input_tokens: 3, cache_creation_input_tokens: 12_304, output_tokens: 550 });
  const price = aPrice({ input: "3", cache_write: "3.75", output: "15" });
  expect(formatDecimal(rate(usage ?? {}, price), 12)).toBe("0.054399");
});

test("quantities beyond what a float holds are rated to the last digit", () => {
  const price = aPrice({ per: 1, input: "0.000000000003", output: "0.000000000001" });
  expect(rate({ input: 10 ** 15 + 1, output: 10n ** 18n + 1n }, price)).toBe(1_003_000_000_000_000_004n);
});

test("an invoice line shows quantity, price for a million, exact and rounded amount", () => {
  expect(invoiceLines({ input: 12_345, output: 550 }, aPrice())).toEqual([
    {
      bucket: "input",
      quantity: 12_345n,
      currency: "USD",
      unitPricePerMillion: "3",
      exactAmount: "0.037035",
      amountMinor: 4n,
      amount: "0.04",
    },
    {
      bucket: "output",
      quantity: 550n,
      currency: "USD",
      unitPricePerMillion: "15",
      exactAmount: "0.00825",
      amountMinor: 1n,
      amount: "0.01",
    },
  ]);
});

test("a bucket that was not used has no line, and nothing used is a total of zero", () => {
  expect(invoiceLines({ input: 0 }, aPrice())).toEqual([]);
  expect(invoiceTotal([], "USD")).toEqual({ currency: "USD", amountMinor: 0n, amount: "0.00" });
});

test("currencies are never added to each other", () => {
  const lines = [...invoiceLines({ input: 1 }, aPrice()), ...invoiceLines({ input: 1 }, aPrice({ currency: "EUR" }))];
  expect(() => invoiceTotal(lines, "USD")).toThrow(RangeError);
});

test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
  "a quantity that is not a count is a bug and is thrown: %d",
  (input) => {
    expect(() => rate({ input }, aPrice())).toThrow(/input must/);
  },
);
