import { describe, expect, test } from "vitest";
import { deltasOf, embeddingsOf } from "./openai-compatible.ts";

const chunkOf = (choice: object | null, more: object = {}) =>
  JSON.stringify({ object: "chat.completion.chunk", choices: [choice], ...more });

describe("a chunk of OpenAI's stream", () => {
  test("may carry text, reason and usage at once, in this order", () => {
    const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
    expect(deltasOf(chunkOf({ delta: { content: "Hi" }, finish_reason: "stop" }, { usage }))).toEqual([
      { type: "text", text: "Hi" },
      { type: "finish", reason: "stop" },
      { type: "usage", usage: expect.objectContaining({ input: 3, output: 2 }) },
    ]);
  });

  test.each([
    { says: "length", means: "length" },
    { says: "tool_calls", means: "tool_calls" },
    { says: "content_filter", means: "content_filter" },
    { says: "stop", means: "stop" },
    { says: "eos_token", means: "stop" },
  ])("that ends with `$says` ends with `$means`", ({ says, means }) => {
    expect(deltasOf(chunkOf({ delta: {}, finish_reason: says }))).toEqual([{ type: "finish", reason: means }]);
  });

  test.each([
    { what: "an empty delta", data: chunkOf({ delta: {}, finish_reason: null }) },
    { what: "no delta", data: chunkOf({ delta: null }) },
    { what: "an empty text", data: chunkOf({ delta: { role: "assistant", content: "" }, finish_reason: "" }) },
    { what: "null for a choice", data: chunkOf(null) },
    { what: "null for choices", data: '{"choices":null,"usage":null}' },
    { what: "an object for choices", data: '{"choices":{}}' },
    { what: "`error: null`", data: chunkOf({ delta: {} }, { error: null }) },
    { what: "usage that cannot be", data: chunkOf({ delta: {} }, { usage: { prompt_tokens: "many", completion_tokens: 1 } }) },
  ])("with $what says nothing", ({ data }) => {
    expect(deltasOf(data)).toEqual([]);
  });

  test.each([
    { what: "an error", data: '{"error":{"message":"account 4711 is closed"}}' },
    { what: "no JSON", data: "<html>" },
    { what: "null", data: "null" },
    { what: "a text", data: '"hello"' },
  ])("that is $what is a failure of the provider, without its words", ({ data }) => {
    expect(() => deltasOf(data)).toThrow(
      expect.objectContaining({ code: "upstream_failed", message: expect.not.stringContaining("4711") }),
    );
  });
});

describe("an answer of embeddings", () => {
  const listOf = (data: unknown, more: object = {}) => JSON.stringify({ object: "list", data, ...more });

  test("is read in the order of `index`, with its usage", () => {
    const data = [
      { index: 1, embedding: [0, 1] },
      { index: 0, embedding: [1, 0] },
    ];
    expect(embeddingsOf(listOf(data, { usage: { prompt_tokens: 3, total_tokens: 3 } }))).toEqual({
      vectors: [Float32Array.of(1, 0), Float32Array.of(0, 1)],
      usage: expect.objectContaining({ input: 3, output: 0 }),
    });
    expect(embeddingsOf(listOf(data)).usage).toBeUndefined();
  });

  test.each([
    { what: "no JSON", text: "<html>" },
    { what: "no list", text: '{"error":{"message":"account 4711 is closed"}}' },
    { what: "base64 where floats were asked for", text: listOf([{ index: 0, embedding: "AACAPw==" }]) },
    { what: "a null among the numbers", text: listOf([{ index: 0, embedding: [1, null] }]) },
    { what: "a gap in the numbering", text: listOf([{ index: 1, embedding: [1] }]) },
  ])("with $what is a failure of the provider, without its words", ({ text }) => {
    expect(() => embeddingsOf(text)).toThrow(
      expect.objectContaining({ code: "upstream_failed", message: expect.not.stringContaining("4711") }),
    );
  });
});
