import { isCurrencyCode, parseDecimal, picoDecimals, type Picos } from "./money.ts";
import { type TokenBucket, tokenBuckets } from "./token-buckets.ts";

/** A price or a cost as people write it: decimal texts for `per` tokens. Also the wire form of a deployment's `price` and `cost`. */
export interface TokenPriceText {
  readonly currency: string;
  readonly per: number;
  readonly input: string;
  readonly cached_input?: string | undefined;
  readonly cache_write?: string | undefined;
  readonly output: string;
  readonly reasoning?: string | undefined;
  readonly audio?: string | undefined;
  readonly image?: string | undefined;
}

/** A price ready to multiply: whole picos for one token of each bucket. */
export interface TokenPrice {
  readonly currency: string;
  readonly picosPerToken: Readonly<Record<TokenBucket, Picos>>;
}

export type ParsedTokenPrice =
  | { readonly ok: true; readonly price: TokenPrice }
  | { readonly ok: false; readonly param: string; readonly message: string };

/** A million units of any currency for one token is a typing error, not a price. */
const maxPicosPerToken = 10n ** 18n;

/**
 * Reads a price. What is unset follows what it is a part of: `cached_input` and `cache_write` cost as `input`, `reasoning` as
 * `output`. Audio and image tokens may be either side, so unset they cost as the dearer of the two: never less than they are worth.
 * Refused with the field named when a price is not a decimal, negative, absurdly large, or not a whole number of picos per token,
 * because a price that cannot be held exactly could not be billed exactly.
 */
export function parseTokenPrice(text: TokenPriceText): ParsedTokenPrice {
  if (!isCurrencyCode(text.currency)) {
    return { ok: false, param: "currency", message: `currency must be three capital letters (ISO 4217), not "${text.currency}"` };
  }
  if (!Number.isSafeInteger(text.per) || text.per < 1) {
    return { ok: false, param: "per", message: `per must be a positive whole number of tokens, not ${text.per}` };
  }
  const per = BigInt(text.per);
  const set: Partial<Record<TokenBucket, Picos>> = {};
  for (const bucket of tokenBuckets) {
    const decimal = text[bucket];
    if (decimal === undefined) continue;
    try {
      set[bucket] = picosPerToken(decimal, per);
    } catch (error) {
      return { ok: false, param: bucket, message: `${bucket}: ${error instanceof Error ? error.message : "not a price"}` };
    }
  }
  const { input, output } = set;
  if (input === undefined) return { ok: false, param: "input", message: "input: a price needs it" };
  if (output === undefined) return { ok: false, param: "output", message: "output: a price needs it" };
  const dearer = input > output ? input : output;
  return {
    ok: true,
    price: {
      currency: text.currency,
      picosPerToken: {
        input,
        cached_input: set.cached_input ?? input,
        cache_write: set.cache_write ?? input,
        output,
        reasoning: set.reasoning ?? output,
        audio: set.audio ?? dearer,
        image: set.image ?? dearer,
      },
    },
  };
}

/**
 * The text whose hash names a price version. Equal for prices that charge the same, however they were written ("3" or "3.00", per
 * thousand or per million), and different for any difference in a charge or a cost.
 */
export function priceVersionText(price: TokenPrice, cost?: TokenPrice): string {
  return `weir-price-v1\n${JSON.stringify([canonical(price), cost === undefined ? null : canonical(cost)])}`;
}

function canonical(price: TokenPrice): [string, ...[TokenBucket, string][]] {
  return [price.currency, ...tokenBuckets.map((bucket): [TokenBucket, string] => [bucket, price.picosPerToken[bucket].toString()])];
}

function picosPerToken(decimal: string, per: bigint): Picos {
  const picos = parseDecimal(decimal, picoDecimals);
  if (picos < 0n) throw new RangeError(`"${decimal}" is negative`);
  if (picos % per !== 0n) {
    throw new RangeError(`"${decimal}" per ${per} tokens is not a whole number of 10^-12 per token, so it could not be billed exactly`);
  }
  const perToken = picos / per;
  if (perToken > maxPicosPerToken) throw new RangeError(`"${decimal}" per ${per} tokens is more than a million per token`);
  return perToken;
}
