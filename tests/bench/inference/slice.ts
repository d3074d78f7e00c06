import { z } from "zod";
import type { Program } from "../processes.ts";

/** What the load generator is told to do: keep so many requests in flight for so long. */
export interface Slice {
  url: string;
  headers: Record<string, string>;
  body: string;
  concurrency: number;
  seconds: number;
}

// Of nothing at all there is no percentile.
const milliseconds = z.number().or(z.nan());

const sliceResult = z.object({
  requests: z.number(),
  failures: z.number(),
  /** What the first failure was. */
  failure: z.string().optional(),
  seconds: z.number(),
  p50Ms: milliseconds,
  p99Ms: milliseconds,
  /** From sending the request to the first byte of the body. */
  firstByteP50Ms: milliseconds,
  firstByteP99Ms: milliseconds,
});
export type SliceResult = z.infer<typeof sliceResult>;

/** Has the load generator run a slice. A single failure makes the figures worthless, so it throws. */
export async function runSlice(load: Program, slice: Slice): Promise<SliceResult> {
  const result = sliceResult.parse(await load.ask(slice));
  if (result.failures > 0) throw new Error(`${slice.url}: ${result.failures} requests failed, the first with: ${result.failure}`);
  return result;
}
