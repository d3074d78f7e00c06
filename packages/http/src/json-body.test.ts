import { WeirError } from "@weir/domain/errors";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readJson } from "./json-body.ts";
import { jsonFault } from "./json-fault.ts";

function faultOf(text: string): WeirError {
  try {
    readJson(text);
  } catch (error) {
    if (error instanceof WeirError) return error;
    throw error;
  }
  throw new Error(`This is JSON: ${text}`);
}

describe("a body that is not JSON", () => {
  test.each([
    ["", 1, 1],
    ["   ", 1, 4],
    ["nope", 1, 2],
    ["{", 1, 2],
    ['{"a": nope}', 1, 8],
    ['{\n  "a": 1,\n  "b": tru\n}', 3, 11],
    ['{"a" 1}', 1, 6],
    ['{"a": 1,}', 1, 9],
    ["[1, 2,]", 1, 7],
    ["[1 2]", 1, 4],
    ["{} {}", 1, 4],
    ["01", 1, 2],
    ["-", 1, 2],
    ["1.", 1, 3],
    ["1e+", 1, 4],
    ['"\\q"', 1, 3],
    ['"\\u12g4"', 1, 6],
    ['"a\nb"', 1, 3],
    ["{'a': 1}", 1, 2],
    ["\ufeff{}", 1, 1],
    ['"never closed', 1, 14],
    // The fault's text cannot pass itself off as a position.
    ['{"at position 2": nope}', 1, 20],
  ])("%j is refused at line %i, column %i", (text, line, column) => {
    expect(faultOf(text)).toMatchObject({ code: "malformed_json", details: { extra: { line, column } } });
  });

  test("is refused however deep or long it is", () => {
    const texts = ["[".repeat(1_000_000), '{"a":'.repeat(200_000), `"${"x".repeat(4_000_000)}`, `[${"1".repeat(1_000_000)}x]`];
    expect(texts.map((text) => faultOf(text).code)).toEqual(texts.map(() => "malformed_json"));
  });

  test("is not quoted in the error", () => {
    expect(JSON.stringify(faultOf('{"password": hunter2}'))).not.toContain("hunter2");
  });
});

describe("the position of a fault", () => {
  const broken = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom("{", "}", "[", "]", ",", ":", '"', "\\", "0", "x", "-", ".", "e", "\n", ""))
    .map(([json, at, put]) => {
      const index = at % (json.length + 1);
      return json.slice(0, index) + put + json.slice(index + 1);
    });

  test("is where V8 says, wherever it says", () => {
    fc.assert(
      fc.property(fc.oneof(broken, fc.string()), (text) => {
        const position = /JSON at position (\d+)(?: \(line \d+ column \d+\))?$/.exec(messageOf(text))?.[1];
        fc.pre(position !== undefined);
        expect(jsonFault(text)).toBe(Number(position));
      }),
      { numRuns: 2_000 },
    );
  });

  test("leaves before it what may still become JSON, and not one character more", () => {
    fc.assert(
      fc.property(fc.oneof(broken, fc.string()), (text) => {
        fc.pre(messageOf(text) !== "");
        const fault = jsonFault(text);
        expect(fault).toBeLessThanOrEqual(text.length);
        // Cut at the fault, reading stops at the end; one character later, still at the fault.
        expect(jsonFault(text.slice(0, fault))).toBe(fault);
        expect(jsonFault(text.slice(0, fault + 1))).toBe(fault);
      }),
      { numRuns: 2_000 },
    );
  });

  test("does not change how a body is read: what JSON.parse reads, readJson reads, and it throws nothing but WeirError", () => {
    fc.assert(
      fc.property(fc.oneof(broken, fc.json(), fc.string()), (text) => {
        const isJson = messageOf(text) === "";
        expect(isJson ? readJson(text) : faultOf(text).code).toEqual(isJson ? JSON.parse(text) : "malformed_json");
      }),
      { numRuns: 2_000 },
    );
  });
});

/** What V8 says of a text; empty: it is JSON. */
function messageOf(text: string): string {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
