import * as fc from "fast-check";
import { expect, test } from "vitest";
import { fromAnthropic, fromOpenAi, fromWorkersAi, noUsage, totalTokens } from "./usage.ts";

test("OpenAI's cached and reasoning tokens are taken out of prompt and completion", () => {
  const usage = fromOpenAi({
    prompt_tokens: 100,
    completion_tokens: 50,
    total_tokens: 150,
    prompt_tokens_details: { cached_tokens: 60, audio_tokens: 5 },
    completion_tokens_details: { reasoning_tokens: 20, audio_tokens: 3 },
  });
  expect(usage).toEqual({ input: 35, cached_input: 60, cache_write: 0, output: 27, reasoning: 20, audio: 8, image: 0 });
});

test("the responses shape is read as the chat shape", () => {
  const usage = fromOpenAi({
    input_tokens: 10,
    input_tokens_details: { cached_tokens: 4 },
    output_tokens: 6,
    output_tokens_details: { reasoning_tokens: 6 },
  });
  expect(usage).toEqual({ ...noUsage, input: 6, cached_input: 4, reasoning: 6 });
});

test("an embedding has a prompt and no completion", () => {
  expect(fromOpenAi({ prompt_tokens: 8, total_tokens: 8 })).toEqual({ ...noUsage, input: 8 });
});

test("reasoning that a provider counts beside the completion is not lost", () => {
  const usage = fromOpenAi({
    prompt_tokens: 10,
    completion_tokens: 5,
    total_tokens: 115,
    completion_tokens_details: { reasoning_tokens: 100 },
  });
  expect(usage).toEqual({ ...noUsage, input: 10, output: 5, reasoning: 100 });
});

test("an explicit zero is zero, and a missing count is not", () => {
  expect(fromOpenAi({ prompt_tokens: 0, completion_tokens: 0 })).toEqual(noUsage);
  expect(fromWorkersAi({ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 })).toEqual(noUsage);
  expect(fromOpenAi({ prompt_tokens: 5 })).toBeUndefined();
  expect(fromOpenAi({ completion_tokens: 5 })).toBeUndefined();
  expect(fromOpenAi({})).toBeUndefined();
  expect(fromAnthropic({ output_tokens: 5 })).toBeUndefined();
});

test("Anthropic's input excludes the cache, so nothing is subtracted", () => {
  const usage = { input_tokens: 3, cache_creation_input_tokens: 12_304, cache_read_input_tokens: 7, output_tokens: 550 };
  expect(fromAnthropic(usage)).toEqual({ ...noUsage, input: 3, cached_input: 7, cache_write: 12_304, output: 550 });
  expect(fromAnthropic({ input_tokens: 1, cache_read_input_tokens: null, output_tokens: 2 })).toEqual({ ...noUsage, input: 1, output: 2 });
});

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 1.5, "7", null, true, [], {}, 10n, 1e12])(
  "a count that is none makes the report unusable: %s",
  (bad) => {
    expect(fromOpenAi({ prompt_tokens: bad, completion_tokens: 1 })).toBeUndefined();
    expect(fromWorkersAi({ prompt_tokens: bad, completion_tokens: 1 })).toBeUndefined();
    expect(fromAnthropic({ input_tokens: bad, output_tokens: 1 })).toBeUndefined();
    expect(fromOpenAi({ prompt_tokens: 9, completion_tokens: 1, prompt_tokens_details: { cached_tokens: bad } })).toEqual({
      ...noUsage,
      input: 9,
      output: 1,
    });
  },
);

test("a cache that is larger than the prompt does not make tokens out of nothing", () => {
  expect(fromOpenAi({ prompt_tokens: 10, completion_tokens: 0, prompt_tokens_details: { cached_tokens: 500 } })).toEqual({
    ...noUsage,
    cached_input: 10,
  });
});

test("whatever a provider sends, the answer is a proper usage or undefined", () => {
  const field = fc.constantFrom(
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
  );
  const parts = fc.dictionary(fc.constantFrom("cached_tokens", "reasoning_tokens", "audio_tokens"), fc.anything());
  const report = fc
    .record({
      counts: fc.dictionary(field, fc.oneof(fc.nat(), fc.anything())),
      prompt_tokens_details: parts,
      completion_tokens_details: parts,
    })
    .map(({ counts, ...details }) => Object.assign(details, counts));
  fc.assert(
    fc.property(fc.oneof(report, fc.anything()), (sent) => {
      for (const read of [fromOpenAi, fromWorkersAi, fromAnthropic]) {
        for (const tokens of Object.values(read(sent) ?? noUsage)) expect(Number.isSafeInteger(tokens) && tokens >= 0).toBe(true);
      }
    }),
  );
});

test("the buckets of an OpenAI report always sum to prompt and completion", () => {
  const tokens = fc.nat(1_000_000);
  fc.assert(
    fc.property(tokens, tokens, tokens, tokens, tokens, (prompt, completion, cached, reasoning, audio) => {
      const usage = fromOpenAi({
        prompt_tokens: prompt,
        completion_tokens: completion,
        prompt_tokens_details: { cached_tokens: cached, audio_tokens: audio },
        completion_tokens_details: { reasoning_tokens: reasoning, audio_tokens: audio },
      });
      expect(usage === undefined ? undefined : totalTokens(usage)).toBe(prompt + completion);
    }),
  );
});
