import { WorkerEntrypoint } from "cloudflare:workers";
import { formatDecimal, nanoDecimals } from "@weir/domain/billing/money";
import type { ReleaseRequest, ReserveRequest, ReserveResult } from "@weir/domain/billing/reservation";
import type { Env } from "./env.ts";

/** The ledger's side of a Gate's allowance (available → held and back). Reached only by service binding. */
export class Wallet extends WorkerEntrypoint<Env> {
  async reserve(request: ReserveRequest): Promise<ReserveResult> {
    return reserve(this.env.DB, request);
  }

  async release(request: ReleaseRequest): Promise<void> {
    await release(this.env.DB, request);
  }
}

/**
 * Moves between `need` and `want` from available to held, or nothing. One batch whose rows all hang on the first: where the money does
 * not suffice it inserts no row and the others find none; where the id is known, whatever is left of the money, it breaks the key and
 * the batch is undone.
 */
export async function reserve(db: D1Database, { tenant, id, currency, needNanos, wantNanos, now }: ReserveRequest): Promise<ReserveResult> {
  try {
    await db.batch([
      db
        .prepare(
          `INSERT INTO ledger_transaction (id, tenant, kind, currency, amount, reference, created_at)
           SELECT ?1, tenant, 'reserve', currency, MIN(available, CAST(?5 AS INTEGER)), 'gate', ?6 FROM wallet
           WHERE tenant = ?2 AND currency = ?3
             AND (available >= CAST(?4 AS INTEGER) OR EXISTS (SELECT 1 FROM ledger_transaction WHERE id = ?1))`,
        )
        .bind(id, tenant, currency, needNanos, wantNanos, now),
      ...moveStatements(db, id, "wallet_available", "wallet_held"),
      db
        .prepare(
          `UPDATE wallet SET available = available - moved.amount, held = held + moved.amount
           FROM (SELECT amount FROM ledger_transaction WHERE id = ?1) AS moved WHERE tenant = ?2`,
        )
        .bind(id, tenant),
    ]);
  } catch (error) {
    if (!isKnownTransaction(error)) throw error;
  }
  const [made, wallet] = await db.batch<{ amount: string } | { available: string; currency: string }>([
    db.prepare("SELECT CAST(amount AS TEXT) AS amount FROM ledger_transaction WHERE id = ?").bind(id),
    db.prepare("SELECT CAST(available AS TEXT) AS available, currency FROM wallet WHERE tenant = ?").bind(tenant),
  ]);
  const transaction = made?.results[0];
  if (transaction && "amount" in transaction) return { reserved: true, amountNanos: transaction.amount };
  const balance = wallet?.results[0];
  return balance && "available" in balance
    ? { reserved: false, availableNanos: balance.available, currency: balance.currency }
    : { reserved: false, availableNanos: "0", currency: null };
}

/** Gives back what a Gate no longer needs (held → available). */
export async function release(db: D1Database, request: ReleaseRequest): Promise<void> {
  const { tenant, id, amountNanos, now } = request;
  try {
    await db.batch([
      db
        .prepare(
          `INSERT INTO ledger_transaction (id, tenant, kind, currency, amount, reference, created_at)
           SELECT ?1, tenant, 'release', currency, CAST(?3 AS INTEGER), 'gate', ?4 FROM wallet WHERE tenant = ?2`,
        )
        .bind(id, tenant, amountNanos, now),
      ...moveStatements(db, id, "wallet_held", "wallet_available"),
      db
        .prepare(
          `UPDATE wallet SET held = held - moved.amount, available = available + moved.amount
           FROM (SELECT amount FROM ledger_transaction WHERE id = ?1) AS moved WHERE tenant = ?2`,
        )
        .bind(id, tenant),
    ]);
  } catch (error) {
    if (!isKnownTransaction(error)) throw error;
  }
}

/** The two sides of a transaction that is already inserted: what leaves one account enters the other. */
export function moveStatements(db: D1Database, id: string, from: string, to: string): D1PreparedStatement[] {
  // The sign is in the text: D1 binds numbers as floating point, and the amounts do not fit into that.
  const entry = (sign: "-" | "+") =>
    db.prepare(
      `INSERT INTO ledger_entry ("transaction", account, amount) SELECT id, ?2, ${sign}amount FROM ledger_transaction WHERE id = ?1`,
    );
  return [entry("-").bind(id, from), entry("+").bind(id, to)];
}

function isKnownTransaction(error: unknown): boolean {
  return error instanceof Error && error.message.includes("UNIQUE constraint failed: ledger_transaction.id");
}

export interface Balance {
  available: string;
  held: string;
  spent: string;
  currency: string | null;
}

/** The balance in decimal text. A tenant that was never granted anything has nothing, in no currency. */
export async function balanceOf(db: D1Database, tenant: string): Promise<Balance> {
  const row = await db
    .prepare(
      "SELECT currency, CAST(available AS TEXT) AS available, CAST(held AS TEXT) AS held, CAST(spent AS TEXT) AS spent FROM wallet WHERE tenant = ?",
    )
    .bind(tenant)
    .first<{ currency: string; available: string; held: string; spent: string }>();
  if (!row) return { available: "0", held: "0", spent: "0", currency: null };
  const decimal = (nanos: string) => formatDecimal(BigInt(nanos), nanoDecimals);
  return { available: decimal(row.available), held: decimal(row.held), spent: decimal(row.spent), currency: row.currency };
}
