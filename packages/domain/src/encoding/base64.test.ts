import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromBase64, fromBase64Url, toBase64, toBase64Url } from "./base64.ts";
import { toUtf8 } from "./utf8.ts";

const bytes = () => fc.uint8Array({ maxLength: 100 });

describe("base64", () => {
  test.each([
    ["", ""],
    ["f", "Zg=="],
    ["fo", "Zm8="],
    ["foo", "Zm9v"],
    ["foob", "Zm9vYg=="],
    ["fooba", "Zm9vYmE="],
    ["foobar", "Zm9vYmFy"],
  ])("the RFC 4648 vector %j reads %j", (text, encoded) => {
    expect(toBase64(toUtf8(text))).toBe(encoded);
    expect(toBase64Url(toUtf8(text))).toBe(encoded.replaceAll("=", ""));
  });

  test("bytes come back from both alphabets", () => {
    fc.assert(
      fc.property(bytes(), (value) => {
        expect(fromBase64(toBase64(value))).toEqual(value);
        expect(fromBase64Url(toBase64Url(value))).toEqual(value);
      }),
    );
  });

  test("each value has one spelling", () => {
    const almost = fc.string({ unit: fc.constantFrom("A", "B", "/", "+", "-", "_", "=", "\n", " ", "é"), maxLength: 9 });
    fc.assert(
      fc.property(almost, (text) => {
        const standard = fromBase64(text);
        expect(standard === undefined ? text : toBase64(standard)).toBe(text);
        const urlSafe = fromBase64Url(text);
        expect(urlSafe === undefined ? text : toBase64Url(urlSafe)).toBe(text);
      }),
    );
  });

  test.each(["Zg", "Zg=", "Zh==", "Zm9=", "Zg==\n", " Zg==", "Z===", "====", "Zg==Zg==", "_-8="])("%j is refused", (text) => {
    expect(fromBase64(text)).toBeUndefined();
  });

  test.each(["Z", "Zh", "Zg==", "/+8", "Zm9vY"])("%j is refused where URLs are meant", (text) => {
    expect(fromBase64Url(text)).toBeUndefined();
  });
});
