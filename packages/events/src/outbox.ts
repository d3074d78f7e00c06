import { z } from "zod";
import type { AnyEvent } from "./catalogue.ts";
import { packSchema } from "./envelope.ts";
import { packEvents, partFor, sendToInbox, subscribersOfPacks, throwFailures, type PublishOptions } from "./publish.ts";
import { WORKERS, type InboxBindings, type WorkerName } from "./workers.ts";

/** Called between two steps; tests make it throw to see what a crash there leaves behind. */
export type Trace = (point: string) => void;

export interface SendOptions extends PublishOptions {
  trace?: Trace;
}

type OutboxEnv = InboxBindings & { DB: D1Database };

const RESEND_AFTER_MS = 60_000;
// A change sends its own rows right after its commit; the sweep leaves it the time to do so.
const FIRST_SEND_GRACE_MS = 5_000;
const SWEEP_ROWS = 500;
// A queue that hangs costs 15 seconds a message: after so many it is left alone until the next sweep.
const REFUSALS_PER_SWEEP = 3;
// The queue keeps a message for 14 days at most; a repeat cannot come later than that.
const INBOX_RETENTION_MS = 15 * 24 * 3_600_000;

const IN_INBOX = "EXISTS (SELECT 1 FROM inbox WHERE inbox.worker = subscriber.value AND inbox.message_id = outbox.id)";
const IN_DEAD_LETTERS =
  "EXISTS (SELECT 1 FROM dead_letter WHERE dead_letter.worker = subscriber.value AND dead_letter.message_id = outbox.id)";
const PENDING = `NOT ${IN_INBOX} AND NOT ${IN_DEAD_LETTERS}`;

/**
 * The outbox rows for the events of one change, to be put into the same `DB.batch` as the change itself.
 * `cause` is the id of the change, not of the thing that changed: the same cause again makes the same rows, and readers drop
 * what they have seen. Two changes of one key under one cause would lose the second.
 */
export function outboxStatements(
  db: D1Database,
  worker: WorkerName,
  cause: string,
  events: readonly AnyEvent[],
  now: number,
): D1PreparedStatement[] {
  return packEvents(events, "outbox", (index) => `${worker}:${cause}:${index}`).map((pack) =>
    db
      .prepare("INSERT INTO outbox (id, worker, subscribers, body, created_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
      // Checked here, where the change can still fail: a row that cannot be read back could never be sent.
      .bind(pack.id, worker, JSON.stringify(subscribersOfPacks([pack])), JSON.stringify(packSchema.parse(pack)), now),
  );
}

/**
 * Forgets what every subscriber has recorded; then sends what is due, to those that have not recorded it: rows never sent, and
 * rows sent a minute ago. Returns how many rows were sent. Throws what the queues refused, after everything else was done.
 */
export async function sweepOutbox(env: OutboxEnv, worker: WorkerName, now: number, options: SendOptions = {}): Promise<number> {
  await env.DB.batch([
    env.DB.prepare(
      `DELETE FROM outbox WHERE worker = ? AND NOT EXISTS (SELECT 1 FROM json_each(outbox.subscribers) AS subscriber WHERE ${PENDING})`,
    ).bind(worker),
    // Before the inbox forgets: a dead letter that was handled after all must not be replayed.
    env.DB.prepare(
      `UPDATE dead_letter SET replayed_at = ?2 WHERE worker = ?1 AND replayed_at IS NULL
         AND EXISTS (SELECT 1 FROM inbox WHERE inbox.worker = dead_letter.worker AND inbox.message_id = dead_letter.message_id)`,
    ).bind(worker, now),
    // A row whose message another subscriber still waits for stays: without it this worker would be sent the message again.
    env.DB.prepare(
      "DELETE FROM inbox WHERE worker = ? AND seen_at < ? AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.id = inbox.message_id)",
    ).bind(worker, now - INBOX_RETENTION_MS),
  ]);
  options.trace?.("swept");
  const { results } = await env.DB.prepare(
    `SELECT outbox.id, outbox.body, json_group_array(subscriber.value) AS pending FROM outbox, json_each(outbox.subscribers) AS subscriber
     WHERE outbox.worker = ?1 AND ((sent_at IS NULL AND created_at <= ?2) OR sent_at <= ?3) AND ${PENDING}
     GROUP BY outbox.id ORDER BY sent_at, created_at LIMIT ?4`,
  )
    .bind(worker, now - FIRST_SEND_GRACE_MS, now - RESEND_AFTER_MS, SWEEP_ROWS)
    .all<OutboxRow>();
  options.trace?.("found");
  return send(env, results, now, options);
}

/** Sends the rows of a change right after its commit, so that nobody waits for the sweep. What fails here, the sweep repeats. */
export async function sendOutbox(
  env: OutboxEnv,
  worker: WorkerName,
  cause: string,
  now: number,
  options: SendOptions = {},
): Promise<number> {
  options.trace?.("committed");
  // ";" follows ":" in the order of bytes: the range is every id that begins with the cause.
  const { results } = await env.DB.prepare(
    "SELECT id, body, subscribers AS pending FROM outbox WHERE worker = ?1 AND id > ?2 || ':' AND id < ?2 || ';' AND sent_at IS NULL",
  )
    .bind(worker, `${worker}:${cause}`)
    .all<OutboxRow>();
  options.trace?.("found");
  return send(env, results, now, options);
}

interface OutboxRow {
  id: string;
  body: string;
  /** JSON array of the subscribers to send to. */
  pending: string;
}

const workerNames = z.array(z.enum(WORKERS));

async function send(env: OutboxEnv, rows: OutboxRow[], now: number, options: SendOptions): Promise<number> {
  const sent: string[] = [];
  const results: PromiseSettledResult<unknown>[] = [];
  const refusals = new Map<WorkerName, number>();
  for (const row of rows) {
    options.trace?.("before send");
    const [result] = await Promise.allSettled([sendRow(env, row, refusals, options)]);
    options.trace?.("after send");
    if (result.status === "rejected") results.push(result);
    else if (result.value) sent.push(row.id);
  }
  if (sent.length > 0) {
    await env.DB.prepare("UPDATE outbox SET sent_at = ?1 WHERE id IN (SELECT value FROM json_each(?2))")
      .bind(now, JSON.stringify(sent))
      .run();
  }
  options.trace?.("marked");
  throwFailures(results);
  return sent.length;
}

/** Sends one row to its pending subscribers; false when a queue that has refused enough was left out. */
async function sendRow(env: OutboxEnv, row: OutboxRow, refusals: Map<WorkerName, number>, options: SendOptions): Promise<boolean> {
  const pack = packSchema.parse(JSON.parse(row.body));
  const pending = workerNames.parse(JSON.parse(row.pending));
  const open = pending.filter((worker) => (refusals.get(worker) ?? 0) < REFUSALS_PER_SWEEP);
  const sends = open.map(async (worker) => {
    try {
      // Whoever subscribes no more gets it whole: it records the message, and the row can go.
      await sendToInbox(env, worker, partFor(pack, worker) ?? pack, options);
    } catch (error) {
      refusals.set(worker, (refusals.get(worker) ?? 0) + 1);
      throw error;
    }
  });
  throwFailures(await Promise.allSettled(sends));
  return open.length === pending.length;
}
