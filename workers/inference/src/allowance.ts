import type { ReleaseRequest, ReserveRequest, ReserveResult } from "@weir/domain/billing/reservation";

/** Billing's side of the credit: the ledger's truth. A movement told twice with one id is made once. */
export interface WalletApi {
  reserve(request: ReserveRequest): Promise<ReserveResult>;
  release(request: ReleaseRequest): Promise<void>;
}

export interface Hold {
  request: string;
  picos: bigint;
  /** The event that settling will send, but for the usage. */
  context: string;
  createdAt: number;
}

export interface ListedHold extends Hold {
  /** Position in the list, for the next page. */
  position: number;
  /** Nobody reported the outcome in time: its credit is free again, and what was delivered, if anything, is not billed. */
  unconfirmed: boolean;
}

const PICOS_PER_NANO = 1000n;
/** How many requests like the present one are asked for at once, at first and at most. */
const FIRST_CHUNK = 16n;
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
  /** Of the wallet, which has one for ever; undefined until something was set aside. */
  #currency: string | undefined;
  #held = 0n;
  #chunk = FIRST_CHUNK;
  #toppingUp: Promise<ReserveResult> | undefined;
  #lastMove: Promise<void> = Promise.resolve();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS allowance (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
    sql.exec(
      `CREATE TABLE IF NOT EXISTS hold (request TEXT PRIMARY KEY, picos TEXT NOT NULL, context TEXT NOT NULL, created_at INTEGER NOT NULL,
         unconfirmed INTEGER NOT NULL DEFAULT 0)`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS hold_open ON hold (created_at) WHERE unconfirmed = 0");
    this.#free = BigInt(this.#get("free") ?? "0");
    this.#currency = this.#get("currency");
    for (const row of sql.exec<{ picos: string }>("SELECT picos FROM hold WHERE unconfirmed = 0")) this.#held += BigInt(row.picos);
  }

  get free(): bigint {
    return this.#free;
  }

  get held(): bigint {
    return this.#held;
  }

  /** On its way back to billing, whose answer is not known: neither free here nor surely available there. */
  get returning(): bigint {
    const pending = this.#get("release");
    return pending === undefined ? 0n : BigInt(JSON.parse(pending).amountNanos) * PICOS_PER_NANO;
  }

  /** Takes the worst case of a request out of what is free; false when that is less, or in another currency. */
  hold(hold: Hold, currency: string): boolean {
    if (hold.picos > this.#free || (hold.picos > 0n && currency !== this.#currency)) return false;
    // The row first: where it cannot be written, nothing has been taken.
    this.#sql.exec(
      "INSERT INTO hold (request, picos, context, created_at) VALUES (?, ?, ?, ?)",
      hold.request,
      hold.picos.toString(),
      hold.context,
      hold.createdAt,
    );
    this.#setFree(this.#free - hold.picos);
    this.#held += hold.picos;
    return true;
  }

  /** Ends a hold: what was not used is free again. Undefined when there is none, as on a repeat. Never charges more than was held. */
  settle(request: string, usedPicos: (context: string) => bigint): { context: string; chargedPicos: bigint } | undefined {
    const row = this.#sql
      .exec<{ picos: string; context: string }>("SELECT picos, context FROM hold WHERE request = ? AND unconfirmed = 0", request)
      .toArray()[0];
    if (!row) return undefined;
    const picos = BigInt(row.picos);
    const used = usedPicos(row.context);
    const chargedPicos = used > picos ? picos : used;
    this.#sql.exec("DELETE FROM hold WHERE request = ?", request);
    this.#held -= picos;
    this.#setFree(this.#free + picos - chargedPicos);
    return { context: row.context, chargedPicos };
  }

  /** Frees what was held before a time by requests that cannot be running any more; they stay listed as unconfirmed. */
  expire(before: number): void {
    for (const row of this.#sql
      .exec<{ picos: string }>("SELECT picos FROM hold WHERE unconfirmed = 0 AND created_at < ?", before)
      .toArray()) {
      this.#held -= BigInt(row.picos);
      this.#setFree(this.#free + BigInt(row.picos));
    }
    this.#sql.exec("UPDATE hold SET unconfirmed = 1 WHERE unconfirmed = 0 AND created_at < ?", before);
  }

  /** When the oldest running request was admitted. */
  get oldest(): number | undefined {
    const row = this.#sql.exec<{ oldest: number | null }>("SELECT MIN(created_at) AS oldest FROM hold WHERE unconfirmed = 0").one();
    return row.oldest ?? undefined;
  }

  /** Requests that were admitted and not settled, in the order of admission. */
  holds(limit: number, after: number): ListedHold[] {
    return this.#sql
      .exec<{ position: number; request: string; picos: string; context: string; created_at: number; unconfirmed: number }>(
        "SELECT rowid AS position, request, picos, context, created_at, unconfirmed FROM hold WHERE rowid > ? ORDER BY rowid LIMIT ?",
        after,
        limit,
      )
      .toArray()
      .map((row) => ({
        position: row.position,
        request: row.request,
        picos: BigInt(row.picos),
        context: row.context,
        createdAt: row.created_at,
        unconfirmed: row.unconfirmed === 1,
      }));
  }

  /**
   * Asks billing for more: at least what is needed, and while requests keep coming ever larger pieces, so that a busy tenant
   * writes a ledger row for thousands of requests, not for each. Parallel callers share one question.
   */
  topUp(wallet: WalletApi, tenant: string, currency: string, needPicos: bigint, newId: () => string, now: number): Promise<ReserveResult> {
    this.#toppingUp ??= this.#inTurn(() => this.#askForMore(wallet, tenant, currency, needPicos, newId, now)).finally(() => {
      this.#toppingUp = undefined;
    });
    return this.#toppingUp;
  }

  /** Returns all that no request holds. Called when nothing is in flight. */
  giveBack(wallet: WalletApi, tenant: string, newId: () => string, now: number): Promise<void> {
    return this.#inTurn(async () => {
      await this.#finishRelease(wallet, tenant, now);
      const nanos = this.#free / PICOS_PER_NANO;
      if (nanos === 0n) return;
      this.#set("release", JSON.stringify({ id: newId(), amountNanos: nanos.toString() }));
      this.#setFree(this.#free - nanos * PICOS_PER_NANO);
      await this.#finishRelease(wallet, tenant, now);
    });
  }

  /** One movement after the other: an answer that says what is available must not be older than what was returned. */
  #inTurn<Result>(move: () => Promise<Result>): Promise<Result> {
    const turn = this.#lastMove.then(move);
    this.#lastMove = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }

  async #askForMore(
    wallet: WalletApi,
    tenant: string,
    currency: string,
    needPicos: bigint,
    newId: () => string,
    now: number,
  ): Promise<ReserveResult> {
    await this.#finishRelease(wallet, tenant, now);
    let pending = this.#get("reserve");
    if (pending === undefined) {
      const lacking = needPicos - this.#free;
      const need = ceilNanos(lacking > 0n ? lacking : 1n);
      const want = ceilNanos(needPicos * this.#chunk);
      pending = JSON.stringify({ id: newId(), currency, needNanos: need.toString(), wantNanos: (want > need ? want : need).toString() });
      this.#set("reserve", pending);
    }
    const asked: { id: string; currency: string; needNanos: string; wantNanos: string } = JSON.parse(pending);
    const result = await wallet.reserve({ tenant, now, ...asked });
    if (result.reserved) {
      this.#currency = asked.currency;
      this.#set("currency", asked.currency);
      this.#setFree(this.#free + BigInt(result.amountNanos) * PICOS_PER_NANO);
      if (this.#chunk < MAX_CHUNK) this.#chunk *= 4n;
    }
    this.#delete("reserve");
    return result;
  }

  /** Tells billing of a return that was begun, until it has answered. */
  async #finishRelease(wallet: WalletApi, tenant: string, now: number): Promise<void> {
    const pending = this.#get("release");
    if (pending === undefined) return;
    await wallet.release({ tenant, now, ...JSON.parse(pending) });
    this.#delete("release");
    this.#chunk = FIRST_CHUNK;
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
