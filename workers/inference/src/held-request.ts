import type { TokenPrice } from "@weir/domain/billing/price";
import { tokenBuckets, type TokenBucket } from "@weir/domain/billing/token-buckets";
import type { UsageBounds } from "@weir/domain/inference/worst-case";
import type { EventData } from "@weir/events/catalogue";

/** What settling will need, kept with the hold: nothing else may be left to read after a restart. */
export interface HeldRequest {
  event: Omit<EventData<"inference.completed">, "usage" | "estimated" | "clamped" | "finish">;
  bounds: UsageBounds;
  price: HeldPrice;
}

/** A price as JSON can hold it: whole 10^-12 per token as text. */
interface HeldPrice {
  currency: string;
  picosPerToken: Record<TokenBucket, string>;
}

export function holdPrice(price: TokenPrice): HeldPrice {
  const picosPerToken = { input: "", cached_input: "", cache_write: "", output: "", reasoning: "", audio: "", image: "" };
  for (const bucket of tokenBuckets) picosPerToken[bucket] = price.picosPerToken[bucket].toString();
  return { currency: price.currency, picosPerToken };
}

export function priceOf({ price }: HeldRequest): TokenPrice {
  const picosPerToken = { input: 0n, cached_input: 0n, cache_write: 0n, output: 0n, reasoning: 0n, audio: 0n, image: 0n };
  for (const bucket of tokenBuckets) picosPerToken[bucket] = BigInt(price.picosPerToken[bucket]);
  return { currency: price.currency, picosPerToken };
}
