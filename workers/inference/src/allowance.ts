import type { ReserveResult } from "@weir/domain/billing/reservation";

/** Billing's side of the credit: the ledger's truth. A movement told twice with one id is made once. */
export interface WalletApi {
  reserve(request: { tenant: string; id: string; currency: string; needNanos: string; wantNanos: string; now: number }): Promise<ReserveResult>;
  release(request: { tenant: string; id: string; amountNanos: string; now: number }): Promise<void>;
}

export interface Hold {
  request: string;
  picos: bigint;
  /** The event that settling will send, but for the usage. */
  context: string;
  createdAt: number;
}

const PICOS_PER_NANO = 1000n;
const MAX_CHUNK = 4096n;

/**
 * The credit that billing has set aside for this Gate, and what of it requests hold. All in the object's SQLite, so that a hold is on
 * disk before the provider is asked (output gates) and a crash between any two lines loses nothing: a movement at billing has its id
 * written here first, and is told again with the same id until it is answered.
 */
export class Allowance {
  readonly #sql: SqlStorage;
  /** Set aside and held by no request, in 10^-12. */
  #free: bigint;
  #held = 0n;
  #chunk = 16n;
  #toppingUp: Promise<ReserveResult> | undefined;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS allowance (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
    sql.exec("CREATE TABLE IF NOT EXISTS hold (request TEXT PRIMARY KEY, picos TEXT NOT NULL, context TEXT NOT NULL, created_at INTEGER NOT NULL)");
    this.#free = BigInt(this.#get("free") ?? "0");
    for (const row of sql.exec<{ picos: string }>("SELECT picos FROM hold")) this.#held += BigInt(row.picos);
  }

  get free(): bigint {
    return this.#free;
  }

  get held(): bigint {
    return this.#held;
  }

  /** Takes the worst case of a request out of what is free; false when that is less. */
  hold(hold: Hold): boolean {
    if (hold.picos > this.#free) return false;
    this.#setFree(this.#free - hold.picos);
    this.#held += hold.picos;
    this.#sql.exec("INSERT INTO hold (request, picos, context, created_at) VALUES (?, ?, ?, ?)", hold.request, hold.picos.toString(), hold.context, hold.createdAt);
    return true;
  }

  /** Ends a hold: what was not used is free again. Undefined when there is none, as on a repeat. Never charges more than was held. */
  settle(request: string, usedPicos: (context: string) => bigint): { context: string; chargedPicos: bigint } | undefined {
    const row = this.#sql.exec<{ picos: string; context: string }>("SELECT picos, context FROM hold WHERE request = ?", request).toArray()[0];
    if (!row) return undefined;
    const picos = BigInt(row.picos);
    const used = usedPicos(row.context);
    const chargedPicos = used > picos ? picos : used;
    this.#sql.exec("DELETE FROM hold WHERE request = ?", request);
    this.#held -= picos;
    this.#setFree(this.#free + picos - chargedPicos);
    return { context: row.context, chargedPicos };
  }

  /** Open holds, oldest first: requests that are running, or whose process died. */
  holds(limit: number, after: number): Hold[] {
    return this.#sql
      .exec<{ request: string; picos: string; context: string; created_at: number }>(
        "SELECT request, picos, context, created_at FROM hold WHERE created_at >= ? ORDER BY created_at, request LIMIT ?",
        after,
        limit,
      )
      .toArray()
      .map((row) => ({ request: row.request, picos: BigInt(row.picos), context: row.context, createdAt: row.created_at }));
  }

  /**
   * Asks billing for more: at least what is needed, and while requests keep coming ever larger pieces, so that a busy tenant
   * writes a ledger row for thousands of requests, not for each. Parallel callers share one question.
   */
  topUp(wallet: WalletApi, tenant: string, currency: string, needPicos: bigint, newId: () => string, now: number): Promise<ReserveResult> {
    this.#toppingUp ??= this.#askForMore(wallet, tenant, currency, needPicos, newId, now).finally(() => {
      this.#toppingUp = undefined;
    });
    return this.#toppingUp;
  }

  async #askForMore(wallet: WalletApi, tenant: string, currency: string, needPicos: bigint, newId: () => string, now: number): Promise<ReserveResult> {
    let pending = this.#get("reserve");
    if (pending === undefined) {
      const lacking = needPicos - this.#free;
      const need = ceilNanos(lacking > 0n ? lacking : 1n);
      const want = ceilNanos(needPicos * this.#chunk);
      pending = JSON.stringify({ id: newId(), currency, needNanos: need.toString(), wantNanos: (want > need ? want : need).toString() });
      this.#set("reserve", pending);
    }
    const result = await wallet.reserve({ tenant, now, ...JSON.parse(pending) });
    if (result.reserved) {
      this.#setFree(this.#free + BigInt(result.amountNanos) * PICOS_PER_NANO);
      if (this.#chunk < MAX_CHUNK) this.#chunk *= 2n;
    }
    this.#delete("reserve");
    return result;
  }

  /** Returns all that no request holds. Called when nothing is in flight. */
  async giveBack(wallet: WalletApi, tenant: string, newId: () => string, now: number): Promise<void> {
    let pending = this.#get("release");
    if (pending === undefined) {
      const nanos = this.#free / PICOS_PER_NANO;
      if (nanos === 0n) return;
      pending = JSON.stringify({ id: newId(), amountNanos: nanos.toString() });
      this.#set("release", pending);
      this.#setFree(this.#free - nanos * PICOS_PER_NANO);
    }
    await wallet.release({ tenant, now, ...JSON.parse(pending) });
    this.#delete("release");
    this.#chunk = 16n;
  }

  /** A movement that was begun before a restart and whose answer is not known. */
  get unanswered(): { reserve: boolean; release: boolean } {
    return { reserve: this.#get("reserve") !== undefined, release: this.#get("release") !== undefined };
  }

  #setFree(picos: bigint): void {
    this.#free = picos;
    this.#set("free", picos.toString());
  }

  #get(name: string): string | undefined {
    return this.#sql.exec<{ value: string }>("SELECT value FROM allowance WHERE name = ?", name).toArray()[0]?.value;
  }

  #set(name: string, value: string): void {
    this.#sql.exec("INSERT INTO allowance (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", name, value);
  }

  #delete(name: string): void {
    this.#sql.exec("DELETE FROM allowance WHERE name = ?", name);
  }
}

function ceilNanos(picos: bigint): bigint {
  return (picos + PICOS_PER_NANO - 1n) / PICOS_PER_NANO;
}
