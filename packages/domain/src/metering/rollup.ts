import { type TokenBucket, tokenBuckets } from "../billing/token-buckets.ts";

const minuteMs = 60_000;

/** What usage is grouped by. Two events that agree in all of it share a row. */
export interface RollupDimensions {
  readonly tenant: string;
  readonly model: string;
  readonly deployment: string;
  readonly region: string;
  readonly purpose: string;
  /** The price version that was in force: usage at two prices never shares a row. */
  readonly price: string;
}

/** Sums over a minute. */
export type RollupQuantities = Readonly<Record<TokenBucket | "requests", number>>;

export interface Rollup extends RollupDimensions {
  /** Start of the minute, ms since epoch; the minute is [start, start + 60 s). */
  readonly minuteMs: number;
  readonly quantities: RollupQuantities;
}

export interface MeteredEvent extends RollupDimensions {
  readonly source: string;
  /** Unique within tenant and source: the same event may arrive many times. */
  readonly id: string;
  readonly timeMs: number;
  readonly quantities: RollupQuantities;
}

export const noQuantities: RollupQuantities = {
  requests: 0,
  input: 0,
  cached_input: 0,
  cache_write: 0,
  output: 0,
  reasoning: 0,
  audio: 0,
  image: 0,
};

/** Start of the minute a time falls in. A time on the boundary belongs to the minute it begins. */
export function minuteOf(timeMs: number): number {
  return Math.floor(timeMs / minuteMs) * minuteMs;
}

/** Names the row. JSON, so that no value can run into its neighbour. */
export function rollupKey(minute: number, dimensions: RollupDimensions): string {
  const { tenant, model, deployment, region, purpose, price } = dimensions;
  return JSON.stringify([tenant, minute, model, deployment, region, purpose, price]);
}

/** Adds two sums. Commutative and associative, with `noQuantities` as zero. Throws RangeError where a sum would no longer be exact. */
export function mergeQuantities(a: RollupQuantities, b: RollupQuantities): RollupQuantities {
  const merged = { ...noQuantities };
  for (const name of ["requests", ...tokenBuckets] as const) {
    const sum = a[name] + b[name];
    if (!Number.isSafeInteger(sum)) throw new RangeError(`${name}: ${a[name]} + ${b[name]} is not an exact whole number`);
    merged[name] = sum;
  }
  return merged;
}

/** Rows by key for a batch of events: each event counts once, in whatever order and however often it arrived. */
export function rollUp(events: readonly MeteredEvent[]): Map<string, Rollup> {
  const seen = new Set<string>();
  const rows = new Map<string, Rollup>();
  for (const event of events) {
    const identity = JSON.stringify([event.tenant, event.source, event.id]);
    if (seen.has(identity)) continue;
    seen.add(identity);
    const minute = minuteOf(event.timeMs);
    const key = rollupKey(minute, event);
    const { tenant, model, deployment, region, purpose, price } = event;
    const quantities = mergeQuantities(rows.get(key)?.quantities ?? noQuantities, event.quantities);
    rows.set(key, { tenant, model, deployment, region, purpose, price, minuteMs: minute, quantities });
  }
  return rows;
}
