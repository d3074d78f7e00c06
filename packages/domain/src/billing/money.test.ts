import { expect, test } from "vitest";
import { currencyDecimals, formatDecimal, formatMinorUnits, parseDecimal, roundHalfAwayFromZero, splitPicos } from "./money.ts";

test("a decimal is read exactly, sign and leading zeros included", () => {
  expect(parseDecimal("0.15", 12)).toBe(150_000_000_000n);
  expect(parseDecimal("-12.5", 9)).toBe(-12_500_000_000n);
  expect(parseDecimal("007", 0)).toBe(7n);
  expect(parseDecimal("-0", 3)).toBe(0n);
});

test.each(["", " 1", "1 ", "+1", "1e3", ".5", "5.", "1,5", "1_000", "0x10", "NaN", "Infinity", "--1", "1.2.3", "١", "1\n"])(
  "what is not a decimal is refused: %j",
  (text) => {
    expect(() => parseDecimal(text, 12)).toThrow(/is not a decimal/);
  },
);

test("too many decimals are refused, and the error counts them", () => {
  expect(() => parseDecimal("0.0000000000001", 12)).toThrow('"0.0000000000001" has 13 decimals, at most 12 are exact here');
});

test("an endless text is refused without being parsed", () => {
  expect(() => parseDecimal("9".repeat(1_000_000), 12)).toThrow(/1000000 characters/);
});

test("a decimal is written without trailing zeros, and never as nothing or minus zero", () => {
  expect(formatDecimal(150_000_000_000n, 12)).toBe("0.15");
  expect(formatDecimal(0n, 12)).toBe("0");
  expect(formatDecimal(-1n, 12)).toBe("-0.000000000001");
  expect(formatDecimal(10_000_000_000_000n, 12)).toBe("10");
  expect(formatDecimal(100n, 0)).toBe("100");
});

test("currencies round to their own minor units (ISO 4217)", () => {
  expect(["USD", "EUR", "JPY", "KRW", "VND", "CLP", "BHD", "KWD", "CLF"].map(currencyDecimals)).toEqual([2, 2, 0, 0, 0, 0, 3, 3, 4]);
});

test("halves round away from zero, on both sides", () => {
  const round = (text: string, currency: string) => roundHalfAwayFromZero(parseDecimal(text, 12), currency);
  expect(round("0.005", "USD")).toBe(1n);
  expect(round("0.004999999999", "USD")).toBe(0n);
  expect(round("-0.005", "USD")).toBe(-1n);
  expect(round("100.5", "JPY")).toBe(101n);
  expect(round("1.0005", "KWD")).toBe(1001n);
});

test("lines rounded one by one add up as invoices do (A23)", () => {
  const sum = (amounts: string[], currency: string) =>
    formatMinorUnits(
      amounts.reduce((total, text) => total + roundHalfAwayFromZero(parseDecimal(text, 12), currency), 0n),
      currency,
    );
  expect(sum(["10.333333", "10.333333", "10.333333"], "USD")).toBe("30.99");
  expect(sum(["100.4", "200.5", "300.6"], "JPY")).toBe("602");
  expect(
    sum(
      Array.from({ length: 100 }, () => "0.011"),
      "USD",
    ),
  ).toBe("1.00");
});

test("a remainder outside 0 to 999 is refused", () => {
  expect(() => splitPicos(1n, 1000n)).toThrow(RangeError);
  expect(() => splitPicos(1n, -1n)).toThrow(RangeError);
});
