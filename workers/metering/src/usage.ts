import { formatDecimal, picoDecimals, type Picos } from "@weir/domain/billing/money";
import { rate } from "@weir/domain/billing/rating";
import type { TokenQuantities } from "@weir/domain/billing/token-buckets";
import { loadPrices } from "@weir/db/prices";

export const GROUPS = ["model", "deployment", "region", "purpose", "price_version"] as const;
export type Group = (typeof GROUPS)[number];
export const WINDOWS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;
export type Window = keyof typeof WINDOWS;

export interface UsageQuery {
  from: number;
  to: number;
  groupBy: Group[];
  window: Window | undefined;
}

type Sums = Record<"requests" | "input" | "cached_input" | "cache_write" | "output" | "reasoning" | "audio" | "image", number>;
type UsageRow = Sums & Partial<Record<Group, string>> & { price_version: string; start?: number };

/**
 * Usage of [from, to) from the minute sums, with what it is charged and what it costs, exactly. Amounts in two currencies are never
 * added: they are two rows.
 */
export async function queryUsage(db: D1Database, tenant: string, { from, to, groupBy, window }: UsageQuery) {
  const columns = [...groupBy.filter((group) => group !== "price_version"), "price_version"];
  const start = window === undefined ? "" : `minute - minute % ${WINDOWS[window]} AS start, `;
  const keys = [...columns, ...(window === undefined ? [] : ["start"])].join(", ");
  const { results } = await db
    .prepare(
      `SELECT ${start}${columns.join(", ")}, SUM(requests) AS requests, SUM(input) AS input, SUM(cached_input) AS cached_input, SUM(cache_write) AS cache_write,
         SUM(output) AS output, SUM(reasoning) AS reasoning, SUM(audio) AS audio, SUM(image) AS image
       FROM usage_rollup WHERE tenant = ? AND minute >= ? AND minute < ? GROUP BY ${keys} ORDER BY ${keys}`,
    )
    .bind(tenant, from, to)
    .all<UsageRow>();
  const prices = await loadPrices(
    db,
    results.map((row) => row.price_version),
  );
  const groups = new Map<string, { row: UsageRow; sums: Sums; charge: Picos; cost: Picos; currency: string; costCurrency: string }>();
  for (const row of results) {
    const version = prices.get(row.price_version);
    if (!version) throw new Error(`No price version ${row.price_version}`);
    const [currency, costCurrency] = [version.price.currency, version.cost.currency];
    const key = JSON.stringify([row.start, ...groupBy.map((group) => row[group]), currency, costCurrency]);
    const group = groups.get(key) ?? { row, sums: NOTHING, charge: 0n, cost: 0n, currency, costCurrency };
    groups.set(key, {
      ...group,
      sums: add(group.sums, row),
      charge: group.charge + rate(tokens(row), version.price),
      cost: group.cost + rate(tokens(row), version.cost),
    });
  }
  return [...groups.values()].map(({ row, sums, charge, cost, currency, costCurrency }) => ({
    ...(row.start === undefined ? {} : { window_start: new Date(row.start).toISOString() }),
    ...Object.fromEntries(groupBy.map((group) => [group, row[group]])),
    ...sums,
    charge: formatDecimal(charge, picoDecimals),
    currency,
    cost: formatDecimal(cost, picoDecimals),
    cost_currency: costCurrency,
  }));
}

const NOTHING: Sums = { requests: 0, input: 0, cached_input: 0, cache_write: 0, output: 0, reasoning: 0, audio: 0, image: 0 };

function add(a: Sums, b: Sums): Sums {
  return {
    requests: a.requests + b.requests,
    input: a.input + b.input,
    cached_input: a.cached_input + b.cached_input,
    cache_write: a.cache_write + b.cache_write,
    output: a.output + b.output,
    reasoning: a.reasoning + b.reasoning,
    audio: a.audio + b.audio,
    image: a.image + b.image,
  };
}

function tokens({ input, cached_input, cache_write, output, reasoning, audio, image }: Sums): TokenQuantities {
  return { input, cached_input, cache_write, output, reasoning, audio, image };
}
