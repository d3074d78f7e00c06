import type { Picos } from "../billing/money.ts";
import type { TokenPrice } from "../billing/price.ts";
import type { TokenBucket } from "../billing/token-buckets.ts";
import { type Usage } from "./usage.ts";

/** The most a request can use, known before it is sent. */
export interface UsageBounds {
  /** See `inputBoundTokens`. */
  readonly inputTokens: number;
  /** The request's limit for one answer. */
  readonly maxTokens: number;
  /** How many answers were asked for; 1 unless said. */
  readonly n?: number;
  /** The most that images and sound in the request or the answer can count as; their bytes say nothing about it. 0 unless said. */
  readonly mediaTokens?: number;
}

/** Role, name and separators that a chat template puts around a message, and around the whole. */
const tokensPerMessage = 16;
const tokensPerRequest = 16;

/**
 * No more input tokens than this. A byte-level BPE never makes more tokens than there are UTF-8 bytes; `contents` is every text that
 * reaches the model: messages, names, tool definitions and calls, schemas.
 */
export function inputBoundTokens(contents: readonly string[], messageCount: number): number {
  return contents.reduce((sum, text) => sum + utf8Bytes(text), 0) + tokensPerMessage * messageCount + tokensPerRequest;
}

/** The most a request can cost: what must be held before it may start. */
export function worstCasePicos(bounds: UsageBounds, price: TokenPrice): Picos {
  const { inputTokens, outputTokens, mediaTokens } = checkedBounds(bounds);
  const dearestInput = dearest(price, ["input", "cached_input", "cache_write"]);
  return (
    BigInt(inputTokens) * dearestInput +
    BigInt(outputTokens) * dearest(price, ["output", "reasoning"]) +
    BigInt(mediaTokens) * dearest(price, ["input", "cached_input", "cache_write", "audio", "image"])
  );
}

/**
 * Holds a provider's report to what the request could have used, so that no report can charge more than was held. Plain `input` and
 * `output` give way first. `clamped` marks a report worth looking into.
 */
export function clampUsage(usage: Usage, bounds: UsageBounds): { usage: Usage; clamped: boolean } {
  const { inputTokens, outputTokens, mediaTokens } = checkedBounds(bounds);
  const audio = Math.min(usage.audio, mediaTokens);
  const image = Math.min(usage.image, mediaTokens - audio);
  // Providers often count an image among plain prompt tokens, so the media bound that is not used up belongs to the input.
  const inputBound = inputTokens + mediaTokens - audio - image;
  const cached_input = Math.min(usage.cached_input, inputBound);
  const cache_write = Math.min(usage.cache_write, inputBound - cached_input);
  const input = Math.min(usage.input, inputBound - cached_input - cache_write);
  const reasoning = Math.min(usage.reasoning, outputTokens);
  const output = Math.min(usage.output, outputTokens - reasoning);
  const held: Usage = { input, cached_input, cache_write, output, reasoning, audio, image };
  const clamped =
    input < usage.input ||
    cached_input < usage.cached_input ||
    cache_write < usage.cache_write ||
    output < usage.output ||
    reasoning < usage.reasoning ||
    audio < usage.audio ||
    image < usage.image;
  return clamped ? { usage: held, clamped } : { usage, clamped };
}

/** Bytes of the text in UTF-8, without encoding it. A lone surrogate is sent as U+FFFD: three bytes. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (isSurrogatePair(text, index)) {
      // Two units, four bytes.
      bytes += 2;
      index += 1;
    } else bytes += 2;
  }
  return bytes;
}

function isSurrogatePair(text: string, index: number): boolean {
  return (text.charCodeAt(index) & 0xfc00) === 0xd800 && (text.charCodeAt(index + 1) & 0xfc00) === 0xdc00;
}

function checkedBounds(bounds: UsageBounds): { inputTokens: number; outputTokens: number; mediaTokens: number } {
  const { inputTokens, maxTokens, n = 1, mediaTokens = 0 } = bounds;
  const outputTokens = maxTokens * n;
  for (const tokens of [inputTokens, maxTokens, n, outputTokens, mediaTokens]) {
    if (!Number.isSafeInteger(tokens) || tokens < 0) throw new RangeError(`A bound is a whole number of tokens, not ${tokens}`);
  }
  return { inputTokens, outputTokens, mediaTokens };
}

function dearest(price: TokenPrice, buckets: readonly TokenBucket[]): Picos {
  return buckets.reduce((most, bucket) => {
    const picos = price.picosPerToken[bucket];
    return picos > most ? picos : most;
  }, 0n);
}
