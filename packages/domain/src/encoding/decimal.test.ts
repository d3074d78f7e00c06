import { expect, test } from "vitest";
import { parseDecimal } from "./decimal.ts";

test.each([0, 7, 10, 35_225_469, Number.MAX_SAFE_INTEGER])("%d reads as itself", (value) => {
  expect(parseDecimal(String(value))).toBe(value);
});

test.each(["", "00", "01", "-0", "-1", "+1", "1.0", "1e3", "0x1", " 1", "1\n", "١", "9007199254740992", "18446744073709551615"])(
  "%j is not a size",
  (text) => {
    expect(parseDecimal(text)).toBeUndefined();
  },
);
