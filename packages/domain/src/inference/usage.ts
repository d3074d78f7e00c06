import { type TokenBucket, tokenBuckets } from "../billing/token-buckets.ts";

/** What one request used, in disjoint buckets. */
export type Usage = Readonly<Record<TokenBucket, number>>;

export const noUsage: Usage = { input: 0, cached_input: 0, cache_write: 0, output: 0, reasoning: 0, audio: 0, image: 0 };

/** No single request handles a billion tokens; a provider that says so is not believed. */
const maxTokensPerRequest = 1_000_000_000;

/** All tokens of a usage, whichever bucket they are in. */
export function totalTokens(usage: Usage): number {
  return tokenBuckets.reduce((sum, bucket) => sum + usage[bucket], 0);
}

/**
 * OpenAI's `usage`, of chat completions, embeddings (no completion) and responses (`input_tokens`, `output_tokens`). Cached, written and
 * audio tokens are parts of the prompt, reasoning and audio tokens parts of the completion, so the parts are taken out of the whole.
 * Some compatible providers count reasoning beside the completion; `total_tokens` then says so.
 *
 * Returns undefined when the counts cannot be used (absent, negative, not whole, texts, beyond belief), and the caller counts for
 * itself. A part that cannot be used is zero, one larger than its whole is the whole: the sum stays what was reported.
 */
export function fromOpenAi(usage: unknown): Usage | undefined {
  if (!isRecord(usage)) return undefined;
  const total = count(usage.total_tokens);
  const prompt = count(usage.prompt_tokens ?? usage.input_tokens);
  const reportedCompletion = usage.completion_tokens ?? usage.output_tokens;
  const completion = reportedCompletion === undefined ? completionOf(total, prompt) : count(reportedCompletion);
  if (prompt === undefined || completion === undefined) return undefined;

  const promptParts = part(usage.prompt_tokens_details ?? usage.input_tokens_details);
  const completionParts = part(usage.completion_tokens_details ?? usage.output_tokens_details);
  const reportedReasoning = count(completionParts.reasoning_tokens) ?? 0;
  const reasoningIsBeside = reportedReasoning > 0 && total === prompt + completion + reportedReasoning;

  const input = takeParts(prompt, [
    promptParts.cached_tokens,
    promptParts.cache_write_tokens,
    promptParts.audio_tokens,
    promptParts.image_tokens,
  ]);
  const output = takeParts(reasoningIsBeside ? completion + reportedReasoning : completion, [
    reportedReasoning,
    completionParts.audio_tokens,
    completionParts.image_tokens,
  ]);
  const [cached = 0, written = 0, audioIn = 0, imageIn = 0] = input.parts;
  const [reasoning = 0, audioOut = 0, imageOut = 0] = output.parts;
  return {
    input: input.rest,
    cached_input: cached,
    cache_write: written,
    output: output.rest,
    reasoning,
    audio: audioIn + audioOut,
    image: imageIn + imageOut,
  };
}

/** The `usage` of a Workers AI text model or embedding, which has OpenAI's fields. Undefined when it cannot be used. */
export function fromWorkersAi(usage: unknown): Usage | undefined {
  return fromOpenAi(usage);
}

/**
 * Anthropic's `usage`. `input_tokens` excludes what was read from or written to the cache; thinking is inside `output_tokens`. Of a
 * stream, pass `message_start`'s usage overlaid with the last `message_delta`'s. Undefined when any count cannot be used, since the
 * counts are added; null or absent cache counts are zero.
 */
export function fromAnthropic(usage: unknown): Usage | undefined {
  if (!isRecord(usage)) return undefined;
  const input = count(usage.input_tokens);
  const output = count(usage.output_tokens);
  const cacheRead = count(usage.cache_read_input_tokens ?? 0);
  const cacheWrite = count(usage.cache_creation_input_tokens ?? 0);
  if (input === undefined || output === undefined || cacheRead === undefined || cacheWrite === undefined) return undefined;
  return { ...noUsage, input, cached_input: cacheRead, cache_write: cacheWrite, output };
}

/** Takes parts out of a whole in order, none more than is left, so that rest + parts = whole. */
function takeParts(whole: number, reported: readonly unknown[]): { rest: number; parts: number[] } {
  let rest = whole;
  const parts = reported.map((value) => {
    const taken = Math.min(count(value) ?? 0, rest);
    rest -= taken;
    return taken;
  });
  return { rest, parts };
}

/** An absent completion is known from the total, as for embeddings; otherwise it is unknown and not zero. */
function completionOf(total: number | undefined, prompt: number | undefined): number | undefined {
  return total !== undefined && prompt !== undefined && total >= prompt ? total - prompt : undefined;
}

function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= maxTokensPerRequest ? value : undefined;
}

function part(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
