import fc from "fast-check";
import { expect, test } from "vitest";
import { BASE32_CHARACTERS, toBase32, uint32ToBase32 } from "./base32.ts";

test("bytes become text without letters that look alike", () => {
  expect(toBase32(new Uint8Array())).toBe("");
  expect(toBase32(Uint8Array.of(0))).toBe("00");
  expect(toBase32(Uint8Array.of(255))).toBe("zw");
  expect(toBase32(new TextEncoder().encode("foobar"))).toBe("csqpyrk1e8");
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(toBase32(bytes)).toMatch(new RegExp(`^${BASE32_CHARACTERS}*$`));
    }),
  );
  expect(new RegExp(BASE32_CHARACTERS).test("ilou")).toBe(false);
});

test("text has one character for each five bits, and different bytes of one length have different texts", () => {
  const pair = fc.integer({ min: 0, max: 40 }).chain((length) => {
    const bytes = fc.uint8Array({ minLength: length, maxLength: length });
    return fc.tuple(bytes, bytes);
  });
  fc.assert(
    fc.property(pair, ([a, b]) => {
      expect(toBase32(a)).toHaveLength(Math.ceil((a.length * 8) / 5));
      expect(toBase32(a) === toBase32(b)).toBe(a.every((byte, index) => byte === b[index]));
    }),
  );
});

test("a 32-bit number becomes seven characters, as if it were its own two bits and six digits", () => {
  expect(uint32ToBase32(0)).toBe("0000000");
  expect(uint32ToBase32(31)).toBe("000000z");
  expect(uint32ToBase32(0xffffffff)).toBe("3zzzzzz");
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 0xffffffff }), (a, b) => {
      expect(uint32ToBase32(a)).toHaveLength(7);
      expect(uint32ToBase32(a) === uint32ToBase32(b)).toBe(a === b);
    }),
  );
});
