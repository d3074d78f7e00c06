import { rate } from "@weir/domain/billing/rating";
import type { WeirEvent } from "@weir/events/catalogue";
import { loadPrices } from "@weir/db/prices";
import { moveStatements } from "../wallet.ts";

/**
 * Rates metered usage and settles it (held → revenue). The statements are committed with the record that the message was seen, so a
 * redelivered event is charged once. What is smaller than 10^-9 is carried in the wallet to the next settlement.
 */
export async function settleUsage(db: D1Database, events: WeirEvent<"usage.metered">[], now: number): Promise<D1PreparedStatement[]> {
  const prices = await loadPrices(
    db,
    events.map((event) => event.data.price_version),
  );
  return events.flatMap((event) => {
    const price = prices.get(event.data.price_version);
    // Thrown, so that the message is retried and then kept as a dead letter: usage without a price is never dropped or billed as zero.
    if (!price) throw new Error(`No price version ${event.data.price_version}`);
    const picos = rate(event.data.usage, price.price);
    return [ratedStatement(db, event), ...(picos === 0n ? [] : settleStatements(db, event, picos, now))];
  });
}

/** The quantities that the month's invoice prices, once per line. */
function ratedStatement(db: D1Database, { subject: tenant, data }: WeirEvent<"usage.metered">): D1PreparedStatement {
  const { usage } = data;
  return db
    .prepare(
      `INSERT INTO rated_usage (tenant, month, price_version, requests, input, cached_input, cache_write, output, reasoning, audio, image)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (tenant, month, price_version) DO UPDATE SET requests = requests + excluded.requests, input = input + excluded.input,
         cached_input = cached_input + excluded.cached_input, cache_write = cache_write + excluded.cache_write,
         output = output + excluded.output, reasoning = reasoning + excluded.reasoning, audio = audio + excluded.audio, image = image + excluded.image`,
    )
    .bind(
      tenant,
      data.month,
      data.price_version,
      data.requests,
      usage.input,
      usage.cached_input,
      usage.cache_write,
      usage.output,
      usage.reasoning,
      usage.audio,
      usage.image,
    );
}

function settleStatements(db: D1Database, event: WeirEvent<"usage.metered">, picos: bigint, now: number): D1PreparedStatement[] {
  const id = `settle:${event.id}`;
  const tenant = event.subject;
  const [nanos, rest] = [(picos / 1000n).toString(), Number(picos % 1000n)];
  return [
    // CAST: D1 binds a number as floating point, with which `/` would not be the division of integers.
    db
      .prepare(
        `INSERT INTO ledger_transaction (id, tenant, kind, currency, amount, reference, created_at)
         SELECT ?1, tenant, 'settle', currency, CAST(?3 AS INTEGER) + (remainder_picos + CAST(?4 AS INTEGER)) / 1000, ?5, ?6 FROM wallet WHERE tenant = ?2`,
      )
      .bind(id, tenant, nanos, rest, event.data.price_version, now),
    ...moveStatements(db, id, "wallet_held", "revenue"),
    db
      .prepare(
        `UPDATE wallet SET held = held - settled.amount, spent = spent + settled.amount, remainder_picos = (remainder_picos + CAST(?3 AS INTEGER)) % 1000
         FROM (SELECT amount FROM ledger_transaction WHERE id = ?1) AS settled WHERE tenant = ?2`,
      )
      .bind(id, tenant, rest),
  ];
}
