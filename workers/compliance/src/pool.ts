import type { Entry, OpenedLeaf } from "./leaves.ts";
import { eventsOf } from "./leaves.ts";

export interface WaitingLeaf {
  seq: number;
  bytes: Uint8Array;
}

/** One event as the log keeps it, with the leaf that stands for it. */
export interface FoundEvent {
  body: string;
  id: string;
  salt: Uint8Array;
  position: number;
  leaf: { seq: number; leafId: string; bytes: Uint8Array; /** Position in the log; null: not sequenced yet. */ index: number | null };
  pack: { id: string; salt: Uint8Array; root: string } | undefined;
}

/** Leaves, waiting and sequenced, and the private openings of their events, in the log's own SQLite. */
export class Pool {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS leaf (seq INTEGER PRIMARY KEY AUTOINCREMENT, leaf_id TEXT NOT NULL, bytes BLOB NOT NULL, pooled_at INTEGER NOT NULL,
         position INTEGER UNIQUE, pack_id TEXT, pack_salt BLOB, pack_root TEXT)`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS leaf_waiting ON leaf (seq) WHERE position IS NULL");
    // Body and salt are what an erasure takes away; the commitment stays, since the proofs of an event's neighbours need it.
    sql.exec(
      `CREATE TABLE IF NOT EXISTS event (source TEXT NOT NULL, id TEXT NOT NULL, leaf INTEGER NOT NULL, position INTEGER NOT NULL,
         body TEXT, salt BLOB, commitment BLOB NOT NULL, PRIMARY KEY (source, id)) WITHOUT ROWID`,
    );
    sql.exec("CREATE INDEX IF NOT EXISTS event_id ON event (id)");
    sql.exec("CREATE UNIQUE INDEX IF NOT EXISTS event_leaf ON event (leaf, position)");
  }

  /** The entries without the events that the log has already; undefined when it has them all. By whole ids: a cut one could be made to collide. */
  unknown(entries: readonly Entry[]): Entry[] {
    return entries.flatMap((entry): Entry[] => {
      const events = eventsOf(entry).filter((event) => !this.#has(event.source, event.id));
      if (events.length === 0) return [];
      return [entry.kind === "pack" ? { ...entry, events } : entry];
    });
  }

  #has(source: string, id: string): boolean {
    return this.#sql.exec("SELECT 1 FROM event WHERE source = ? AND id = ?", source, id).toArray().length > 0;
  }

  /** Breaks the key of `event`, and with it the transaction, when one of the events is known. */
  add(leaf: OpenedLeaf, now: number): void {
    const { seq } = this.#sql
      .exec<{ seq: number }>(
        "INSERT INTO leaf (leaf_id, bytes, pooled_at, pack_id, pack_salt, pack_root) VALUES (?, ?, ?, ?, ?, ?) RETURNING seq",
        leaf.leafId,
        leaf.bytes,
        now,
        leaf.pack?.id ?? null,
        leaf.pack?.salt ?? null,
        leaf.pack?.root ?? null,
      )
      .one();
    for (const [position, event] of leaf.events.entries()) {
      this.#sql.exec(
        "INSERT INTO event (source, id, leaf, position, body, salt, commitment) VALUES (?, ?, ?, ?, ?, ?, ?)",
        event.source,
        event.id,
        seq,
        position,
        event.body,
        event.salt,
        event.commitment,
      );
    }
  }

  /** How many leaves wait, counted up to `limit`, and since when. */
  waitingSince(limit: number): { count: number; since: number } | undefined {
    const { count, since } = this.#sql
      .exec<{ count: number; since: number | null }>(
        "SELECT count(*) AS count, min(pooled_at) AS since FROM (SELECT pooled_at FROM leaf WHERE position IS NULL ORDER BY seq LIMIT ?)",
        limit,
      )
      .one();
    return since === null ? undefined : { count, since };
  }

  waiting(limit: number): WaitingLeaf[] {
    return this.#sql
      .exec<{ seq: number; bytes: ArrayBuffer }>("SELECT seq, bytes FROM leaf WHERE position IS NULL ORDER BY seq LIMIT ?", limit)
      .toArray()
      .map(({ seq, bytes }) => ({ seq, bytes: new Uint8Array(bytes) }));
  }

  /** Gives leaves their places in the log, in order. Part of the transaction that moves the checkpoint. */
  place(leaves: readonly WaitingLeaf[], first: number): void {
    for (const [i, { seq }] of leaves.entries()) this.#sql.exec("UPDATE leaf SET position = ? WHERE seq = ?", first + i, seq);
  }

  /** Undefined for an event that the log does not have, or whose opening is erased. */
  find(eventId: string): FoundEvent | undefined {
    return this.#find("event.id = ?1 ORDER BY leaf.seq LIMIT 1", eventId);
  }

  /** The latest event about a thing: events are named `<id of the thing>.<what happened>`. */
  findAbout(id: string): FoundEvent | undefined {
    // The range of all names that begin with the id and a dot; `/` is the character after the dot.
    return this.#find("event.id > ?1 || '.' AND event.id < ?1 || '/' ORDER BY leaf.seq DESC LIMIT 1", id);
  }

  #find(where: string, id: string): FoundEvent | undefined {
    const row = this.#sql
      .exec<FoundRow>(
        `SELECT event.id, event.body, event.salt, event.position AS place, leaf.seq, leaf.leaf_id AS leafId, leaf.bytes, leaf.position,
           leaf.pack_id AS packId, leaf.pack_salt AS packSalt, leaf.pack_root AS packRoot
         FROM event JOIN leaf ON leaf.seq = event.leaf WHERE event.body IS NOT NULL AND event.salt IS NOT NULL AND ${where}`,
        id,
      )
      .toArray()[0];
    if (!row) return undefined;
    const { packId, packSalt: salt, packRoot: root } = row;
    return {
      id: row.id,
      body: row.body,
      salt: new Uint8Array(row.salt),
      position: row.place,
      leaf: { seq: row.seq, leafId: row.leafId, bytes: new Uint8Array(row.bytes), index: row.position },
      pack: packId === null || salt === null || root === null ? undefined : { id: packId, salt: new Uint8Array(salt), root },
    };
  }

  /** The commitments of a pack's events, in order. */
  commitments(seq: number): Uint8Array[] {
    return this.#sql
      .exec<{ commitment: ArrayBuffer }>("SELECT commitment FROM event WHERE leaf = ? ORDER BY position", seq)
      .toArray()
      .map(({ commitment }) => new Uint8Array(commitment));
  }
}

interface FoundRow extends Record<string, SqlStorageValue> {
  id: string;
  body: string;
  salt: ArrayBuffer;
  place: number;
  seq: number;
  leafId: string;
  bytes: ArrayBuffer;
  position: number | null;
  packId: string | null;
  packSalt: ArrayBuffer | null;
  packRoot: string | null;
}
