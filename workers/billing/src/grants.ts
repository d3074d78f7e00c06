import { WeirError } from "@weir/domain/errors";
import { nanoDecimals, parseDecimal } from "@weir/domain/billing/money";
import { newId } from "@weir/domain/ids";
import { newEvent } from "@weir/events/catalogue";
import { outboxStatements, sendOutbox } from "@weir/events/outbox";
import type { Background } from "@weir/http/commit";
import { tellGate } from "@weir/http/gate-client";
import type { Env } from "./env.ts";
import { once } from "./idempotency.ts";
import { moveStatements } from "./wallet.ts";

export interface NewGrant {
  amount: string;
  currency: string;
  kind: "prepaid" | "promotional";
}

// The wallet's columns are 64-bit integers of 10^-9: nine billion units in all, which the table itself holds to.
const MAX_GRANT_NANOS = 10n ** 18n;

/** Grants credit to a tenant, once per Idempotency-Key. */
export async function grantCredit(env: Env, background: Background, tenant: string, key: string | undefined, grant: NewGrant, now: number) {
  const nanos = grantNanos(grant.amount);
  await refuseOtherCurrency(env.DB, tenant, grant.currency);
  const id = newId("grant", env.CELL);
  const { answer, replayed } = await once(env.DB, { owner: tenant, key, body: { tenant, ...grant }, now }, () => ({
    answer: { id, tenant, ...grant, created_at: new Date(now).toISOString() },
    statements: [
      env.DB.prepare("INSERT INTO wallet (tenant, currency) VALUES (?, ?) ON CONFLICT DO NOTHING").bind(tenant, grant.currency),
      // Two first grants in different currencies: for the second the currency is null, which the column refuses, and the batch is undone.
      env.DB.prepare(
        `INSERT INTO ledger_transaction (id, tenant, kind, currency, amount, reference, created_at)
         VALUES (?1, ?2, 'grant', (SELECT currency FROM wallet WHERE tenant = ?2 AND currency = ?3), CAST(?4 AS INTEGER), ?5, ?6)`,
      ).bind(id, tenant, grant.currency, nanos.toString(), grant.kind, now),
      ...moveStatements(env.DB, id, "grants_issued", "wallet_available"),
      env.DB.prepare("UPDATE wallet SET available = available + CAST(? AS INTEGER) WHERE tenant = ? AND currency = ?").bind(
        nanos.toString(),
        tenant,
        grant.currency,
      ),
      ...outboxStatements(
        env.DB,
        "billing",
        id,
        [
          newEvent("credit.changed", {
            id: `${id}.granted`,
            tenant,
            now,
            data: { transaction: id, kind: grant.kind, amount: grant.amount, currency: grant.currency },
          }),
        ],
        now,
      ),
    ],
  })).catch(async (error: unknown) => {
    if (String(error).includes("wallet_within_64_bits")) {
      throw new WeirError("unprocessable", "amount: a wallet holds at most 9000000000 in all.", { param: "amount" });
    }
    // Two first grants in different currencies at the same moment: the other one has made the wallet.
    await refuseOtherCurrency(env.DB, tenant, grant.currency);
    throw error;
  });
  if (!replayed) {
    background.waitUntil(sendOutbox(env, "billing", id, now).catch(() => undefined));
    await tellGate(env, tenant, ["credit"]);
  }
  return answer;
}

function grantNanos(amount: string): bigint {
  let nanos: bigint;
  try {
    nanos = parseDecimal(amount, nanoDecimals);
  } catch (error) {
    throw new WeirError("invalid_request", `amount: ${error instanceof Error ? error.message : "not a decimal"}`, { param: "amount" });
  }
  if (nanos <= 0n) throw new WeirError("unprocessable", "amount: must be more than zero.", { param: "amount" });
  if (nanos > MAX_GRANT_NANOS) throw new WeirError("unprocessable", "amount: at most 1000000000 at once.", { param: "amount" });
  return nanos;
}

async function refuseOtherCurrency(db: D1Database, tenant: string, currency: string): Promise<void> {
  const [tenantRow, walletRow] = await db.batch<{ id: string } | { currency: string }>([
    db.prepare("SELECT id FROM tenant WHERE id = ?").bind(tenant),
    db.prepare("SELECT currency FROM wallet WHERE tenant = ?").bind(tenant),
  ]);
  if (!tenantRow?.results[0]) throw new WeirError("not_found", "Nothing with this id is found.");
  const wallet = walletRow?.results[0];
  if (wallet && "currency" in wallet && wallet.currency !== currency) {
    throw new WeirError("unprocessable", `currency: this tenant's wallet is in ${wallet.currency}.`, { param: "currency" });
  }
}
