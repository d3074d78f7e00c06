import { z } from "zod";

const count = z.number().int().nonnegative();

/** Tokens of one request, or of many, in disjoint buckets: none is part of another. */
export const tokenCounts = z.strictObject({
  input: count,
  cached_input: count,
  cache_write: count,
  output: count,
  reasoning: count,
  audio: count,
  image: count,
});
