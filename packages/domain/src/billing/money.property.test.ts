import * as fc from "fast-check";
import { expect, test } from "vitest";
import { formatDecimal, parseDecimal, roundHalfAwayFromZero, splitPicos } from "./money.ts";

const picos = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });

test("what is written is read back as the same integer", () => {
  fc.assert(
    fc.property(picos, fc.integer({ min: 0, max: 18 }), (value, scale) => {
      expect(parseDecimal(formatDecimal(value, scale), scale)).toBe(value);
    }),
  );
});

test("a split loses nothing and its remainder is 0 to 999", () => {
  fc.assert(
    fc.property(picos, fc.bigInt({ min: 0n, max: 999n }), (value, carried) => {
      const { nanos, remainder } = splitPicos(value, carried);
      expect(nanos * 1000n + remainder).toBe(value + carried);
      expect(remainder >= 0n && remainder < 1000n).toBe(true);
    }),
  );
});

test("carrying the remainder, many small amounts come to the same nanos as their sum", () => {
  fc.assert(
    fc.property(fc.array(picos), (amounts) => {
      let booked = 0n;
      let carried = 0n;
      for (const amount of amounts) {
        const { nanos, remainder } = splitPicos(amount, carried);
        booked += nanos;
        carried = remainder;
      }
      const whole = splitPicos(
        amounts.reduce((sum, amount) => sum + amount, 0n),
        0n,
      );
      expect({ nanos: booked, remainder: carried }).toEqual(whole);
    }),
  );
});

test("rounding is off by at most half a minor unit and mirrors around zero", () => {
  fc.assert(
    fc.property(picos, fc.constantFrom("USD", "JPY", "KWD"), (value, currency) => {
      const unit = { USD: 10n ** 10n, JPY: 10n ** 12n, KWD: 10n ** 9n }[currency];
      const off = roundHalfAwayFromZero(value, currency) * unit - value;
      expect((off < 0n ? -off : off) * 2n <= unit).toBe(true);
      expect(roundHalfAwayFromZero(-value, currency)).toBe(-roundHalfAwayFromZero(value, currency));
    }),
  );
});
