import { toHex } from "@weir/domain/encoding/hex";
import { z } from "zod";
import { messageIdOf } from "./envelope.ts";
import { sendToInbox } from "./publish.ts";
import { WORKERS, type InboxBindings, type WorkerName } from "./workers.ts";

interface DeadMessage {
  worker: WorkerName;
  body: unknown;
  reason: string;
  now: number;
}

/** Keeps a message that was given up, whole, until somebody replays it. The same message given up again is the same row. */
export async function deadLetterStatement(db: D1Database, { worker, body, reason, now }: DeadMessage): Promise<D1PreparedStatement> {
  const text = toText(body);
  // By the whole text: two messages under one id, of which one may be damaged, are both kept.
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${worker}\n${text}`)));
  return db
    .prepare(
      `INSERT INTO dead_letter (id, worker, message_id, body, reason, received_at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET reason = excluded.reason, replayed_at = NULL`,
    )
    .bind(`dead_${toHex(digest.subarray(0, 16))}`, worker, messageIdOf(body), text, reason, now);
}

/** Takes what the queue itself gave up after its retries. */
export async function consumeDeadLetters(
  batch: MessageBatch,
  db: D1Database,
  worker: WorkerName,
  now: number,
  confirm: (messageId: string) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const reason = "Handling failed every time it was tried";
  const statements = await Promise.all(batch.messages.map(({ body }) => deadLetterStatement(db, { worker, body, reason, now })));
  if (statements.length > 0) await db.batch(statements);
  for (const { body } of batch.messages) await confirm(messageIdOf(body) ?? "");
  batch.ackAll();
}

const deadLetterRow = z.object({ worker: z.enum(WORKERS), body: z.string(), fromObject: z.number(), handled: z.number() });

/**
 * Sends a dead letter to the inbox of its worker again, unchanged. Returns false when there is none with that id.
 *
 * Twice is safe: the inbox drops what it has recorded, and what was recorded longer ago than the inbox remembers is marked
 * `replayed_at` by the sweep and not sent. A message born in an object leaves no record in D1: it is marked when it is sent,
 * may be sent as often as one likes, and its reader drops the events that it has.
 */
export async function replayDeadLetter(env: InboxBindings & { DB: D1Database }, id: string, now: number): Promise<boolean> {
  const found = await env.DB.prepare(
    `SELECT worker, body, body ->> '$.born' IS 'object' AS fromObject,
       replayed_at IS NOT NULL OR EXISTS (SELECT 1 FROM inbox WHERE inbox.worker = dead_letter.worker AND inbox.message_id = dead_letter.message_id) AS handled
     FROM dead_letter WHERE id = ?`,
  )
    .bind(id)
    .first();
  if (!found) return false;
  const { worker, body, fromObject, handled } = deadLetterRow.parse(found);
  if (handled && !fromObject) return true;
  const message: unknown = JSON.parse(body);
  await sendToInbox(env, worker, message);
  await env.DB.prepare("UPDATE dead_letter SET replays = replays + 1, replayed_at = iif(?, ?, replayed_at) WHERE id = ?")
    .bind(fromObject, now, id)
    .run();
  return true;
}

/** JSON, as it was sent. What is not JSON was not sent by Weir: it is kept readable, but a replay will not mend it. */
function toText(body: unknown): string {
  if (body instanceof ArrayBuffer) return JSON.stringify(toHex(new Uint8Array(body)));
  if (body instanceof Uint8Array) return JSON.stringify(toHex(body));
  try {
    return JSON.stringify(body, (_key, value: unknown) => (typeof value === "bigint" ? value.toString() : value)) ?? "null";
  } catch {
    return JSON.stringify(String(body));
  }
}
