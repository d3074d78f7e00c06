import { expect, test } from "vitest";
import { aPrice } from "./a-price.test-support.ts";
import { parseTokenPrice, priceVersionText } from "./price.ts";

const base = { currency: "USD", per: 1_000_000, input: "3", output: "15" };

test("a price for a million tokens becomes whole picos for one", () => {
  expect(aPrice({ input: "0.15", output: "0.6" }).picosPerToken).toMatchObject({ input: 150_000n, output: 600_000n });
});

test("what is unset costs as what it is part of", () => {
  expect(aPrice().picosPerToken).toEqual({
    input: 3_000_000n,
    cached_input: 3_000_000n,
    cache_write: 3_000_000n,
    output: 15_000_000n,
    reasoning: 15_000_000n,
    audio: 15_000_000n,
    image: 15_000_000n,
  });
});

test("free is a price, and an explicit zero does not fall back", () => {
  expect(aPrice({ cached_input: "0" }).picosPerToken.cached_input).toBe(0n);
});

test.each([
  ["input", "-1", /negative/],
  ["output", "1e3", /not a decimal/],
  ["cached_input", "0.0000001", /not a whole number of 10\^-12 per token/],
  ["cache_write", "0.0000000000001", /13 decimals/],
  ["reasoning", "9999999999999", /more than a million per token/],
  ["audio", "", /not a decimal/],
])("a price that cannot be billed exactly is refused with its field named: %s %j", (param, decimal, message) => {
  const parsed = parseTokenPrice({ ...base, [param]: decimal });
  expect(parsed).toMatchObject({ ok: false, param, message: expect.stringMatching(message) });
});

test.each([0, -1, 1.5, Number.NaN, 2 ** 53])("per must be a positive whole number, not %d", (per) => {
  expect(parseTokenPrice({ ...base, per })).toMatchObject({ ok: false, param: "per" });
});

test("per may be any positive whole number that divides the price", () => {
  expect(aPrice({ per: 1, input: "0.000000000001" }).picosPerToken.input).toBe(1n);
  expect(aPrice({ per: 3, input: "0.3", output: "3" }).picosPerToken.input).toBe(100_000_000_000n);
  expect(parseTokenPrice({ ...base, per: 7 })).toMatchObject({ ok: false, param: "input" });
});

test.each(["usd", "US", "USDT", ""])("a currency that is not an ISO 4217 code is refused: %j", (currency) => {
  expect(parseTokenPrice({ ...base, currency })).toMatchObject({ ok: false, param: "currency" });
});

test("prices that charge the same have the same version, however they are written", () => {
  const text = priceVersionText(aPrice({ input: "3", cached_input: "3" }));
  expect(priceVersionText(aPrice({ input: "3.00" }))).toBe(text);
  expect(priceVersionText(aPrice({ per: 1000, input: "0.003", output: "0.015" }))).toBe(text);
});

test("any difference in a charge, a currency or a cost is another version", () => {
  const texts = [
    priceVersionText(aPrice()),
    priceVersionText(aPrice({ currency: "EUR" })),
    priceVersionText(aPrice({ reasoning: "16" })),
    priceVersionText(aPrice(), aPrice()),
    priceVersionText(aPrice(), aPrice({ input: "1" })),
  ];
  expect(new Set(texts).size).toBe(texts.length);
});

test("the text of a version does not change between releases", () => {
  expect(priceVersionText(aPrice())).toBe(
    'weir-price-v1\n[["USD",["input","3000000"],["cached_input","3000000"],["cache_write","3000000"],["output","15000000"],' +
      '["reasoning","15000000"],["audio","15000000"],["image","15000000"]],null]',
  );
});
