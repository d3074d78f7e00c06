import fc from "fast-check";
import { expect, test } from "vitest";
import { fromHex, toHex } from "./hex.ts";

test("bytes come back from hex", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect(fromHex(toHex(bytes))).toEqual(bytes);
    }),
  );
  expect(toHex(Uint8Array.of(0, 10, 255))).toBe("000aff");
});

test.each(["0", "0A", "0g", " 00", "0x00", "é0"])("%j is not hex", (text) => {
  expect(fromHex(text)).toBeUndefined();
});
