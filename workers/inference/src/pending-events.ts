import type { AnyEvent } from "@weir/events/catalogue";
import { MAX_EVENTS_PER_PACK, type Pack } from "@weir/events/envelope";
import { packEvents, partFor, sendToInbox, subscribersOfPacks, throwFailures } from "@weir/events/publish";
import { WORKERS, type InboxBindings, type WorkerName } from "@weir/events/workers";
import { gatePackId } from "@weir/http/gate-client";
import { causeOf, log } from "@weir/http/log";

const RESEND_AFTER_MS = 60_000;
/** How long a queue that refused is left alone. */
const RETRY_AFTER_MS = 5_000;

/**
 * Events that the Gate has to tell: written in the transaction of what they tell of, kept until every subscriber has confirmed that it
 * has recorded them, sent again after a minute otherwise. A pack is fixed before it is sent, so that a pack sent twice is the same pack
 * and its subscribers drop the second.
 */
export class PendingEvents {
  readonly #sql: SqlStorage;
  /** When each subscriber is sent each open pack again. In memory on purpose: after a restart nobody knows what arrived, and all is due. */
  readonly #dueAt = new Map<string, number>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    // AUTOINCREMENT: a number is never used again, since it names a pack.
    sql.exec("CREATE TABLE IF NOT EXISTS pending_event (seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, pack TEXT)");
    sql.exec("CREATE INDEX IF NOT EXISTS pending_event_pack ON pending_event (pack)");
    // One row for each subscriber that has not confirmed yet.
    sql.exec("CREATE TABLE IF NOT EXISTS unconfirmed (pack TEXT NOT NULL, worker TEXT NOT NULL, PRIMARY KEY (pack, worker)) WITHOUT ROWID");
  }

  add(event: AnyEvent): void {
    this.#sql.exec("INSERT INTO pending_event (body) VALUES (?)", JSON.stringify(event));
  }

  /** When there is something to send: at once where events wait for a first time, else when the next open pack is due again. */
  nextSend(now: number): number | undefined {
    if (this.#sql.exec("SELECT 1 FROM pending_event WHERE pack IS NULL LIMIT 1").toArray().length > 0) return now;
    const due = WORKERS.flatMap((worker) => this.#openPacks(worker).map((pack) => this.#dueAt.get(`${worker} ${pack}`) ?? now));
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /**
   * Sends what is due, each pack to those that have not confirmed it. A queue that refuses holds up no other, and is tried again after
   * a few seconds; throws at the end when any did.
   */
  async flush(env: InboxBindings, tenant: string, now: number): Promise<void> {
    while (this.#packUp(tenant));
    throwFailures(await Promise.allSettled(WORKERS.map((worker) => this.#sendTo(env, worker, now))));
  }

  async #sendTo(env: InboxBindings, worker: WorkerName, now: number): Promise<void> {
    const due = this.#openPacks(worker).filter((pack) => (this.#dueAt.get(`${worker} ${pack}`) ?? 0) <= now);
    // Before the first send: a confirmation may come while it runs.
    for (const pack of due) this.#dueAt.set(`${worker} ${pack}`, now + RESEND_AFTER_MS);
    for (const [index, id] of due.entries()) {
      const part = partFor({ v: 1, id, born: "object", events: this.#eventsOf(id) }, worker);
      if (!part) continue;
      try {
        await sendToInbox(env, worker, part);
      } catch (error) {
        for (const left of due.slice(index)) this.#dueAt.set(`${worker} ${left}`, now + RETRY_AFTER_MS);
        throw error;
      }
    }
  }

  /** A subscriber has recorded a pack; the last one's word ends it. */
  confirm(pack: string, worker: WorkerName): void {
    this.#sql.exec("DELETE FROM unconfirmed WHERE pack = ? AND worker = ?", pack, worker);
    this.#dueAt.delete(`${worker} ${pack}`);
    if (this.#sql.exec("SELECT 1 FROM unconfirmed WHERE pack = ? LIMIT 1", pack).toArray().length > 0) return;
    this.#sql.exec("DELETE FROM pending_event WHERE pack = ?", pack);
  }

  /** Packs that a worker has not confirmed. */
  #openPacks(worker: WorkerName): string[] {
    return this.#sql
      .exec<{ pack: string }>("SELECT pack FROM unconfirmed WHERE worker = ?", worker)
      .toArray()
      .map((row) => row.pack);
  }

  #eventsOf(pack: string): AnyEvent[] {
    const rows = this.#sql.exec<{ body: string }>("SELECT body FROM pending_event WHERE pack = ? ORDER BY seq", pack).toArray();
    return rows.map((row) => JSON.parse(row.body));
  }

  /** Fixes a pack of the oldest events that are in none; false when there are none. */
  #packUp(tenant: string): boolean {
    const rows = this.#sql
      .exec<{ seq: number; body: string }>(
        "SELECT seq, body FROM pending_event WHERE pack IS NULL ORDER BY seq LIMIT ?",
        MAX_EVENTS_PER_PACK,
      )
      .toArray();
    const first = rows[0];
    if (!first) return false;
    const id = gatePackId(tenant, first.seq);
    const events: AnyEvent[] = rows.map((row) => JSON.parse(row.body));
    const pack = firstPack(events, id);
    const last = rows[(pack?.events.length ?? 1) - 1] ?? first;
    this.#sql.exec("UPDATE pending_event SET pack = ? WHERE pack IS NULL AND seq BETWEEN ? AND ?", id, first.seq, last.seq);
    for (const worker of pack ? subscribersOfPacks([pack]) : [])
      this.#sql.exec("INSERT INTO unconfirmed (pack, worker) VALUES (?, ?)", id, worker);
    return true;
  }
}

/** As many of the events as one pack holds. Where even the first is too large, undefined: it is put aside, so that it stops no other. */
function firstPack(events: AnyEvent[], id: string): Pack | undefined {
  try {
    return packEvents(events, "object", () => id)[0];
  } catch (error) {
    const [first, ...others] = events;
    if (first && others.length > 0) return firstPack([first], id);
    log({ level: "error", what: "an event is too large for any message and was put aside", message: id, cause: causeOf(error) });
    return undefined;
  }
}
