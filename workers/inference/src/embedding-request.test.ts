import { WeirError } from "@weir/domain/errors";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseEmbeddingRequest, textsOf } from "./embedding-request.ts";

function refusal(body: unknown): unknown {
  try {
    parseEmbeddingRequest(body);
  } catch (error) {
    return error;
  }
  throw new Error("It was accepted");
}

describe("reading a request for embeddings", () => {
  test("takes one text or several, and nulls for what is unset", () => {
    expect(textsOf(parseEmbeddingRequest({ model: "m", input: "a" }))).toEqual(["a"]);
    const all = { model: "m", input: ["a", "b"], encoding_format: "base64", dimensions: 512, user: "ada" };
    expect(textsOf(parseEmbeddingRequest(all))).toEqual(["a", "b"]);
    expect(parseEmbeddingRequest({ model: "m", input: "a", encoding_format: null, dimensions: null })).toMatchObject({ model: "m" });
  });

  test.each([
    { what: "tokens", body: { input: [1, 2] }, code: "unsupported_parameter", param: "input" },
    { what: "lists of tokens", body: { input: [[1], [2]] }, code: "unsupported_parameter", param: "input" },
    { what: "tokens among texts", body: { input: ["a", 1] }, code: "invalid_request", param: "input" },
    { what: "nothing", body: { input: [] }, code: "invalid_request", param: "input" },
    { what: "an object", body: { input: { text: "a" } }, code: "invalid_request", param: "input" },
    { what: "too many", body: { input: Array.from({ length: 257 }, () => "a") }, code: "invalid_request", param: "input" },
    { what: "an empty text", body: { input: ["a", ""] }, code: "invalid_request", param: "input" },
    { what: "other dimensions", body: { input: "a", dimensions: 64 }, code: "unsupported_parameter", param: "dimensions" },
    { what: "dimensions in words", body: { input: "a", dimensions: "512" }, code: "invalid_request", param: "dimensions" },
  ])("refuses $what and names the field", ({ body, code, param }) => {
    expect(refusal({ model: "m", ...body })).toMatchObject({ code, details: { param } });
  });

  test("reads anything or refuses it by type", () => {
    const body = fc.oneof(fc.jsonValue(), fc.record({ model: fc.string(), input: fc.jsonValue(), dimensions: fc.jsonValue() }));
    fc.assert(
      fc.property(body, (value) => {
        let outcome: unknown;
        try {
          outcome = textsOf(parseEmbeddingRequest(value));
        } catch (error) {
          outcome = error;
        }
        expect(Array.isArray(outcome) || outcome instanceof WeirError).toBe(true);
      }),
    );
  });
});
