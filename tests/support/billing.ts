import { fakeInboxes } from "./queues.ts";
import type { Env } from "../../workers/billing/src/env.ts";

/** What the worker is given, over a real database; its Gates note what they are told. */
export function billingEnv(
  db: D1Database,
  operatorKeyHash = "",
): { env: Env; told: unknown[]; queues: ReturnType<typeof fakeInboxes>["queue"] } {
  const told: unknown[] = [];
  const { env: inboxes, queue } = fakeInboxes();
  const gate = {
    getByName: (tenant: string) => ({
      apply: async (_: string, changes: unknown[]) => {
        told.push({ tenant, changes });
        return 0;
      },
    }),
  };
  const bindings = { CELL: "eu", ENVIRONMENT: "local", DB: db, CELL_KEY: "", OPERATOR_KEY_HASH: operatorKeyHash, GATE: gate };
  return { env: Object.assign(Object.create(inboxes), bindings), told, queues: queue };
}

/** A tenant with a wallet, as a grant leaves it: the ledger says where the credit came from. */
export async function aWallet(db: D1Database, tenant: string, nanos: bigint, currency = "USD"): Promise<void> {
  const id = `grant:${tenant}`;
  await db.batch([
    db
      .prepare("INSERT INTO wallet (tenant, currency, available) VALUES (?, ?, CAST(? AS INTEGER))")
      .bind(tenant, currency, nanos.toString()),
    db
      .prepare(
        `INSERT INTO ledger_transaction (id, tenant, kind, currency, amount, reference, created_at) VALUES (?, ?, 'grant', ?, CAST(? AS INTEGER), 'prepaid', 0)`,
      )
      .bind(id, tenant, currency, nanos.toString()),
    db
      .prepare(`INSERT INTO ledger_entry ("transaction", account, amount) VALUES (?, 'grants_issued', -CAST(? AS INTEGER))`)
      .bind(id, nanos.toString()),
    db
      .prepare(`INSERT INTO ledger_entry ("transaction", account, amount) VALUES (?, 'wallet_available', CAST(? AS INTEGER))`)
      .bind(id, nanos.toString()),
  ]);
}

export interface Books {
  available: bigint;
  held: bigint;
  spent: bigint;
  remainderPicos: bigint;
  /** Sums of the entries, by account. */
  accounts: Record<string, bigint>;
  /** Ids of transactions whose entries do not sum to zero. */
  unbalanced: string[];
}

/** The wallet beside the sum of the ledger: two ways to say the same. */
export async function booksOf(db: D1Database, tenant: string): Promise<Books> {
  const [wallet, entries, unbalanced] = await db.batch<Record<string, string>>([
    db
      .prepare(
        `SELECT CAST(available AS TEXT) AS available, CAST(held AS TEXT) AS held, CAST(spent AS TEXT) AS spent, CAST(remainder_picos AS TEXT) AS remainder
         FROM wallet WHERE tenant = ?`,
      )
      .bind(tenant),
    db
      .prepare(
        `SELECT account, CAST(SUM(e.amount) AS TEXT) AS amount FROM ledger_entry e JOIN ledger_transaction t ON t.id = e."transaction"
         WHERE t.tenant = ? GROUP BY account`,
      )
      .bind(tenant),
    db.prepare(`SELECT "transaction" AS id FROM ledger_entry GROUP BY "transaction" HAVING SUM(amount) != 0 OR COUNT(*) != 2`),
  ]);
  const row = wallet?.results[0] ?? {};
  const accounts = Object.fromEntries((entries?.results ?? []).map(({ account = "", amount = "0" }) => [account, BigInt(amount)]));
  return {
    available: BigInt(row["available"] ?? 0),
    held: BigInt(row["held"] ?? 0),
    spent: BigInt(row["spent"] ?? 0),
    remainderPicos: BigInt(row["remainder"] ?? 0),
    accounts,
    unbalanced: (unbalanced?.results ?? []).map(({ id = "" }) => id),
  };
}
