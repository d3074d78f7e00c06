import { formatDecimal, picoDecimals } from "@weir/domain/billing/money";
import { invoiceLines, invoiceTotal, rate } from "@weir/domain/billing/rating";
import { loadPrices } from "@weir/db/prices";

interface RatedRow {
  priceVersion: string;
  requests: number;
  input: number;
  cached_input: number;
  cache_write: number;
  output: number;
  reasoning: number;
  audio: number;
  image: number;
}

/** What the invoice of a month would say if it were made now: one line per price and token bucket, each rounded once. */
export async function previewInvoice(db: D1Database, tenant: string, now: number) {
  const month = new Date(now).toISOString().slice(0, 7);
  const { results } = await db
    .prepare(
      `SELECT price_version AS priceVersion, requests, input, cached_input, cache_write, output, reasoning, audio, image
       FROM rated_usage WHERE tenant = ? AND month = ? ORDER BY price_version`,
    )
    .bind(tenant, month)
    .all<RatedRow>();
  const prices = await loadPrices(
    db,
    results.map((row) => row.priceVersion),
  );
  const lines = results.flatMap(({ priceVersion, requests, ...usage }) => {
    const version = prices.get(priceVersion);
    if (!version) throw new Error(`No price version ${priceVersion}`);
    return invoiceLines(usage, version.price).map((line) => ({ ...line, version, requests }));
  });
  const currencies = [...new Set(lines.map((line) => line.currency))];
  return {
    tenant,
    period: { from: `${month}-01T00:00:00Z`, to: nextMonth(month) },
    status: "preview" as const,
    lines: lines.map((line) => ({
      model: line.version.model,
      region: line.version.region,
      deployment: line.version.deployment,
      price_version: line.version.id,
      bucket: line.bucket,
      quantity: line.quantity.toString(),
      unit_price_per_million: line.unitPricePerMillion,
      exact_amount: line.exactAmount,
      amount: line.amount,
      currency: line.currency,
    })),
    totals: currencies.map((currency) => {
      const own = lines.filter((line) => line.currency === currency);
      return { currency, amount: invoiceTotal(own, currency).amount, exact_amount: exactTotal(results, prices, currency) };
    }),
  };
}

function exactTotal(rows: RatedRow[], prices: Awaited<ReturnType<typeof loadPrices>>, currency: string): string {
  let picos = 0n;
  for (const { priceVersion, requests: _, ...usage } of rows) {
    const version = prices.get(priceVersion);
    if (version?.price.currency === currency) picos += rate(usage, version.price);
  }
  return formatDecimal(picos, picoDecimals);
}

function nextMonth(month: string): string {
  const [year = 0, number = 1] = month.split("-").map(Number);
  return new Date(Date.UTC(year, number, 1)).toISOString().replace(".000Z", "Z");
}
