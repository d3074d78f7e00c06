import * as fc from "fast-check";
import { expect, test } from "vitest";
import { aPrice } from "../billing/a-price.test-support.ts";
import { rate } from "../billing/rating.ts";
import { noUsage } from "./usage.ts";
import { clampUsage, inputBoundTokens, utf8Bytes, worstCasePicos } from "./worst-case.ts";

test("the bound of the input is its bytes, 16 a message, and 16", () => {
  expect(inputBoundTokens(["héllo", "🙂"], 2)).toBe(6 + 4 + 32 + 16);
  expect(inputBoundTokens([], 0)).toBe(16);
});

test("bytes are counted as an encoder makes them, lone surrogates included", () => {
  const encoder = new TextEncoder();
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(utf8Bytes(text)).toBe(encoder.encode(text).length);
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0xd7f0, max: 0xe010 })), (units) => {
      const text = String.fromCharCode(...units);
      expect(utf8Bytes(text)).toBe(encoder.encode(text).length);
    }),
  );
});

test("the worst case takes the dearest price a token can have, for every answer asked for", () => {
  const price = aPrice({ per: 1, input: "3", cached_input: "1", cache_write: "4", output: "15", reasoning: "20" });
  const one = 10n ** 12n;
  expect(worstCasePicos({ inputTokens: 10, maxTokens: 5, n: 2 }, price)).toBe((10n * 4n + 10n * 20n) * one);
});

test.each([{ maxTokens: -1 }, { maxTokens: 1.5 }, { inputTokens: Number.NaN }, { n: 2 ** 53 }, { mediaTokens: -1 }])(
  "a bound that is not a count is thrown out: %j",
  (bad) => {
    expect(() => worstCasePicos({ inputTokens: 1, maxTokens: 1, ...bad }, aPrice())).toThrow(RangeError);
  },
);

test("a report within the bounds is taken as it is", () => {
  const usage = { ...noUsage, input: 4, cached_input: 6, output: 3, reasoning: 2 };
  expect(clampUsage(usage, { inputTokens: 10, maxTokens: 5 })).toEqual({ usage, clamped: false });
});

test("a report beyond the bounds is cut to them and flagged", () => {
  const usage = { ...noUsage, input: 100, cached_input: 6, output: 100, reasoning: 2, audio: 9 };
  expect(clampUsage(usage, { inputTokens: 10, maxTokens: 5 })).toEqual({
    usage: { ...noUsage, input: 4, cached_input: 6, output: 3, reasoning: 2 },
    clamped: true,
  });
});

test("an image that a provider counts among prompt tokens is not cut", () => {
  const usage = { ...noUsage, input: 800, output: 1 };
  expect(clampUsage(usage, { inputTokens: 50, maxTokens: 5, mediaTokens: 1000 }).clamped).toBe(false);
});

test("no report, however large, is charged more than was held", () => {
  const tokens = fc.nat(100_000);
  const usage = fc.record({
    input: tokens,
    cached_input: tokens,
    cache_write: tokens,
    output: tokens,
    reasoning: tokens,
    audio: tokens,
    image: tokens,
  });
  const bounds = fc.record({ inputTokens: tokens, maxTokens: tokens, n: fc.integer({ min: 1, max: 4 }), mediaTokens: tokens });
  const decimal = fc.nat(1000).map(String);
  const price = fc
    .record(
      { input: decimal, output: decimal, cached_input: decimal, cache_write: decimal, reasoning: decimal, audio: decimal, image: decimal },
      { requiredKeys: ["input", "output"] },
    )
    .map(aPrice);
  fc.assert(
    fc.property(usage, bounds, price, (usage, bounds, price) => {
      const { usage: held, clamped } = clampUsage(usage, bounds);
      expect(rate(held, price) <= worstCasePicos(bounds, price)).toBe(true);
      expect(clampUsage(held, bounds)).toEqual({ usage: held, clamped: false });
      expect(rate(held, price) <= rate(usage, price)).toBe(true);
      expect(clamped).toBe(JSON.stringify(held) !== JSON.stringify(usage));
    }),
  );
});
