import type { Nanos } from "./money.ts";

/**
 * The accounts of one tenant in one currency. A positive entry adds to the account. `grants_issued` is where credit comes from, so
 * its balance is the negative of all credit ever issued; `revenue` is what was spent.
 */
export const ledgerAccounts = ["wallet_available", "wallet_held", "revenue", "grants_issued"] as const;

export type LedgerAccount = (typeof ledgerAccounts)[number];

export interface LedgerEntry {
  readonly account: LedgerAccount;
  readonly amountNanos: Nanos;
}

/** A movement of money. Entries sum to zero; nothing is ever edited, a correction is another transaction. */
export interface LedgerTransaction {
  /** Unique for the tenant: the same id moves money once. */
  readonly id: string;
  readonly kind: "grant" | "reserve" | "release" | "settle";
  readonly currency: string;
  readonly entries: readonly LedgerEntry[];
}

export interface Movement {
  readonly id: string;
  readonly currency: string;
  readonly amountNanos: Nanos;
}

/** SQLite keeps integers of 64 bits. */
const maxNanos = 2n ** 63n - 1n;

/** Credit given or bought. Throws RangeError unless the amount is positive. */
export function grantTransaction(movement: Movement): LedgerTransaction {
  requirePositive(movement);
  return move("grant", movement, "grants_issued", "wallet_available");
}

/** Credit set aside before work begins: available → held. Throws RangeError unless the amount is positive. */
export function reserveTransaction(movement: Movement): LedgerTransaction {
  requirePositive(movement);
  return move("reserve", movement, "wallet_available", "wallet_held");
}

/** Credit that was set aside and not needed: held → available. */
export function releaseTransaction(movement: Movement): LedgerTransaction {
  return move("release", movement, "wallet_held", "wallet_available");
}

/** Metered usage paid from what was set aside: held → revenue. May be zero, when usage is worth less than a nano and is carried over. */
export function settleTransaction(movement: Movement): LedgerTransaction {
  return move("settle", movement, "wallet_held", "revenue");
}

/** Returns the transaction, or throws RangeError when its entries do not sum to zero or do not fit the store. */
export function requireBalanced(transaction: LedgerTransaction): LedgerTransaction {
  let sum = 0n;
  for (const { account, amountNanos } of transaction.entries) {
    if (amountNanos > maxNanos || amountNanos < -maxNanos) {
      throw new RangeError(`Transaction ${transaction.id} moves ${amountNanos} nanos on ${account}, more than 64 bits hold`);
    }
    sum += amountNanos;
  }
  if (sum !== 0n) throw new RangeError(`Transaction ${transaction.id} does not balance: its entries sum to ${sum} nanos`);
  return transaction;
}

/** Balances of one tenant in one currency, and the ids that made them. */
export interface Ledger {
  readonly currency: string;
  readonly balances: Readonly<Record<LedgerAccount, Nanos>>;
  readonly applied: ReadonlySet<string>;
}

export interface RefusedTransaction {
  readonly id: string;
  readonly reason: "insufficient_available" | "insufficient_held" | "currency_mismatch";
}

export function emptyLedger(currency: string): Ledger {
  return { currency, balances: { wallet_available: 0n, wallet_held: 0n, revenue: 0n, grants_issued: 0n }, applied: new Set() };
}

/**
 * The ledger's rules without a database, as a reference for the one that has one. A transaction is applied whole or refused whole; an
 * id that was applied does nothing; neither wallet account goes below zero. Throws RangeError for one that does not balance.
 */
export function applyTransactions(
  ledger: Ledger,
  transactions: readonly LedgerTransaction[],
): { ledger: Ledger; refused: RefusedTransaction[] } {
  const applied = new Set(ledger.applied);
  const refused: RefusedTransaction[] = [];
  let balances = ledger.balances;
  for (const transaction of transactions) {
    requireBalanced(transaction);
    if (applied.has(transaction.id)) continue;
    const next = { ...balances };
    for (const { account, amountNanos } of transaction.entries) next[account] += amountNanos;
    const reason = refusalReason(ledger.currency, transaction, next);
    if (reason !== undefined) {
      refused.push({ id: transaction.id, reason });
      continue;
    }
    balances = next;
    applied.add(transaction.id);
  }
  return { ledger: { currency: ledger.currency, balances, applied }, refused };
}

function refusalReason(
  currency: string,
  transaction: LedgerTransaction,
  after: Record<LedgerAccount, Nanos>,
): RefusedTransaction["reason"] | undefined {
  if (transaction.currency !== currency) return "currency_mismatch";
  if (after.wallet_available < 0n) return "insufficient_available";
  if (after.wallet_held < 0n) return "insufficient_held";
  return undefined;
}

function move(kind: LedgerTransaction["kind"], movement: Movement, from: LedgerAccount, to: LedgerAccount): LedgerTransaction {
  const { id, currency, amountNanos } = movement;
  if (amountNanos < 0n) throw new RangeError(`Transaction ${id}: an amount is not negative, it is ${amountNanos} nanos`);
  return requireBalanced({
    id,
    kind,
    currency,
    entries: [
      { account: from, amountNanos: -amountNanos },
      { account: to, amountNanos },
    ],
  });
}

function requirePositive({ id, amountNanos }: Movement): void {
  if (amountNanos <= 0n) throw new RangeError(`Transaction ${id}: an amount is more than zero, it is ${amountNanos} nanos`);
}
