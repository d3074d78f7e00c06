import { describe, expect, test } from "vitest";
import { jcs, jcsBytes } from "./jcs.ts";

describe("canonical JSON", () => {
  test("the example of RFC 8785 §3.2.2 to §3.2.4 comes out byte for byte", () => {
    const example: unknown = JSON.parse(String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`);
    expect(jcs(example)).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
  });

  test("members are ordered by UTF-16 code unit, as in RFC 8785 §3.2.3", () => {
    const names = ["\u20ac", "\r", "\ufb33", "1", "\u{1f600}", "\u0080", "\u00f6"];
    const ordered: unknown = JSON.parse(jcs(Object.fromEntries(names.map((name) => [name, 0]))));
    // JSON.parse puts the integer-like "1" first, so the text itself is compared.
    expect(jcs(ordered)).toBe('{"\\r":0,"1":0,"\u0080":0,"\u00f6":0,"\u20ac":0,"\u{1f600}":0,"\ufb33":0}');
  });

  test("negative zero is zero", () => {
    expect(jcs(-0)).toBe("0");
  });

  test("the bytes are UTF-8", () => {
    expect(jcsBytes("é")).toEqual(Uint8Array.of(0x22, 0xc3, 0xa9, 0x22));
  });

  const itself: Record<string, unknown> = {};
  itself["again"] = itself;
  test.each([
    ["NaN", { a: Number.NaN }, "$.a"],
    ["an infinity", [1, Number.POSITIVE_INFINITY], "$[1]"],
    ["an undefined member", { a: { b: undefined } }, "$.a.b"],
    ["a hole", Array.from<unknown>({ length: 1 }), "$[0]"],
    ["a bigint", 1n, "$"],
    ["a function", { toJSON: () => 1 }, "$.toJSON"],
    ["a symbol", [Symbol("s")], "$[0]"],
    ["a lone surrogate", { a: "\ud800" }, "$.a"],
    ["a lone surrogate in a name", { "\udc00": 1 }, "$.\udc00"],
    ["a date", { at: new Date(0) }, "$.at"],
    ["a map", new Map(), "$"],
    ["bytes", new Uint8Array(1), "$"],
  ])("%s is refused with its path", (_, value, param) => {
    expect(() => jcs(value)).toThrow(expect.objectContaining({ code: "unprocessable", details: expect.objectContaining({ param }) }));
  });

  test("a value that holds itself is refused", () => {
    expect(() => jcs(itself)).toThrow("nested too deeply");
  });
});
