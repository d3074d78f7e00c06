/**
 * What a token can be. The buckets are disjoint: a cached prompt token is in `cached_input` and not in `input`, a reasoning token is
 * in `reasoning` and not in `output`. Adding overlapping counts is the commonest cause of wrong AI bills.
 */
export const tokenBuckets = ["input", "cached_input", "cache_write", "output", "reasoning", "audio", "image"] as const;

export type TokenBucket = (typeof tokenBuckets)[number];

/** Tokens by bucket; a bucket left out is zero. Whole numbers, never negative. */
export type TokenQuantities = Readonly<Partial<Record<TokenBucket, number | bigint>>>;

/** The exact count in a bucket. Throws RangeError for a count that is negative, not whole, or a number beyond 2⁵³. */
export function tokenCount(quantities: TokenQuantities, bucket: TokenBucket): bigint {
  const count = quantities[bucket] ?? 0n;
  if (typeof count === "number" && !Number.isSafeInteger(count)) {
    throw new RangeError(`${bucket} must be a whole number of tokens up to 2^53, not ${count}`);
  }
  const exact = BigInt(count);
  if (exact < 0n) throw new RangeError(`${bucket} must not be negative, it is ${exact}`);
  return exact;
}
