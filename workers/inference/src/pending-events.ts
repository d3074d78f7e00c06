import type { AnyEvent } from "@weir/events/catalogue";
import { MAX_EVENTS_PER_PACK } from "@weir/events/envelope";
import { packEvents, publish } from "@weir/events/publish";
import type { InboxBindings } from "@weir/events/workers";

/**
 * Events that the Gate has to tell: written in the transaction of what they tell of, deleted when the queues have them.
 * A pack is fixed before it is sent, so that a pack sent twice is the same pack and its subscribers drop the second.
 */
export class PendingEvents {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    // AUTOINCREMENT: a number is never used again, since it names a pack.
    sql.exec("CREATE TABLE IF NOT EXISTS pending_event (seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, pack TEXT)");
  }

  add(event: AnyEvent): void {
    this.#sql.exec("INSERT INTO pending_event (body) VALUES (?)", JSON.stringify(event));
  }

  get any(): boolean {
    return this.#sql.exec("SELECT 1 FROM pending_event LIMIT 1").toArray().length > 0;
  }

  /** Sends everything, pack after pack; throws at the first that no queue takes. */
  async flush(env: InboxBindings, tenant: string): Promise<void> {
    for (;;) {
      const pack = this.#nextPack(tenant);
      if (pack === undefined) return;
      const rows = this.#sql.exec<{ body: string }>("SELECT body FROM pending_event WHERE pack = ? ORDER BY seq", pack).toArray();
      const events: AnyEvent[] = rows.map((row) => JSON.parse(row.body));
      await publish(env, [{ v: 1, id: pack, born: "object", events }]);
      this.#sql.exec("DELETE FROM pending_event WHERE pack = ?", pack);
    }
  }

  /** The pack that was begun, else a new one of the oldest events. */
  #nextPack(tenant: string): string | undefined {
    const begun = this.#sql.exec<{ pack: string }>("SELECT pack FROM pending_event WHERE pack IS NOT NULL ORDER BY seq LIMIT 1").toArray()[0];
    if (begun) return begun.pack;
    const rows = this.#sql
      .exec<{ seq: number; body: string }>("SELECT seq, body FROM pending_event ORDER BY seq LIMIT ?", MAX_EVENTS_PER_PACK)
      .toArray();
    const first = rows[0];
    if (!first) return undefined;
    const id = `gate:${tenant}:${first.seq}`;
    const events: AnyEvent[] = rows.map((row) => JSON.parse(row.body));
    const fitting = packEvents(events, "object", () => id)[0]?.events.length ?? 1;
    const last = rows[fitting - 1] ?? first;
    this.#sql.exec("UPDATE pending_event SET pack = ? WHERE seq BETWEEN ? AND ?", id, first.seq, last.seq);
    return id;
  }
}
