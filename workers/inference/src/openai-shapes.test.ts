import { fromOpenAi, noUsage, totalTokens, type Usage } from "@weir/domain/inference/usage";
import fc from "fast-check";
import { expect, test } from "vitest";
import { completionBody, completionChunks, embeddingsBody, openAiUsage } from "./openai-shapes.ts";

const tokens = fc.nat(1_000_000);
const usage = fc
  .record({ input: tokens, cached_input: tokens, output: tokens, reasoning: tokens })
  .map((some): Usage => ({ ...noUsage, ...some }));

test("usage in OpenAI's words reads back as what it was", () => {
  fc.assert(
    fc.property(usage, (used) => {
      expect(fromOpenAi(openAiUsage(used))).toEqual(used);
      expect(openAiUsage(used).total_tokens).toBe(totalTokens(used));
    }),
  );
});

test("tokens written to a cache are part of the prompt", () => {
  expect(openAiUsage({ ...noUsage, input: 3, cached_input: 4, cache_write: 5 })).toMatchObject({
    prompt_tokens: 12,
    prompt_tokens_details: { cached_tokens: 4 },
  });
});

test("a completion carries the request's id and whole seconds", () => {
  expect(completionBody("req_eu_1", "m", "Hi", "length", { ...noUsage, output: 1 }, 1_999)).toMatchObject({
    id: "chatcmpl-req_eu_1",
    created: 1,
    choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "length" }],
  });
});

test("every chunk of a stream carries the same id, time and model; usage has no choices", () => {
  const chunks = completionChunks("req_eu_1", "m", 1_000);
  const head = { id: "chatcmpl-req_eu_1", object: "chat.completion.chunk", created: 1, model: "m" };
  expect(chunks.role()).toMatchObject({ ...head, choices: [{ delta: { role: "assistant" }, finish_reason: null }] });
  expect(chunks.text("Hi")).toMatchObject({ ...head, choices: [{ delta: { content: "Hi" }, finish_reason: null }] });
  expect(chunks.finish("stop")).toMatchObject({ ...head, choices: [{ delta: {}, finish_reason: "stop" }] });
  expect(chunks.usage(noUsage)).toMatchObject({ ...head, choices: [], usage: { total_tokens: 0 } });
});

test("an error in a stream has all four members of OpenAI's shape", () => {
  expect(completionChunks("req_eu_1", "m", 0).error("upstream_failed", "No")).toEqual({
    error: { message: "No", type: "api_error", param: null, code: "upstream_failed" },
  });
});

test("a vector says the same numbers in base64 and as floats", () => {
  const vector = fc.float32Array({ noNaN: true, noDefaultInfinity: true, minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(fc.array(vector, { minLength: 1, maxLength: 5 }), (vectors) => {
      const inBase64 = embeddingsBody("m", vectors, "base64", noUsage).data.map(({ embedding }) =>
        Buffer.from(String(embedding), "base64"),
      );
      const asFloats = embeddingsBody("m", vectors, "float", noUsage).data.map(({ embedding }) => embedding);
      expect(inBase64.map((bytes) => Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4)))).toEqual(asFloats);
      expect(asFloats).toEqual(vectors.map((numbers) => Array.from(numbers)));
    }),
  );
});

test("embeddings are numbered in order and count the prompt alone", () => {
  const vectors = [Float32Array.of(1, 0), Float32Array.of(0, 1)];
  expect(embeddingsBody("m", vectors, "float", { ...noUsage, input: 3, cached_input: 1 })).toEqual({
    object: "list",
    data: [
      { object: "embedding", index: 0, embedding: [1, 0] },
      { object: "embedding", index: 1, embedding: [0, 1] },
    ],
    model: "m",
    usage: { prompt_tokens: 4, total_tokens: 4 },
  });
});
