import { z } from "zod";
import type { WorkerName } from "@weir/events/workers";

const row = z.object({
  id: z.string(),
  worker: z.string(),
  message_id: z.string().nullable(),
  reason: z.string(),
  body: z.string(),
  received_at: z.number(),
  replayed_at: z.number().nullable(),
  replays: z.number(),
});

interface DeadLetterPage {
  worker: WorkerName | undefined;
  cursor: string | undefined;
  limit: number;
}

/** Messages that were given up, newest first, replayed ones included. A body holds pseudonyms, no content. */
export async function listDeadLetters(db: D1Database, { worker, cursor, limit }: DeadLetterPage) {
  const [beforeMs, beforeId] = splitCursor(cursor);
  const { results } = await db
    .prepare(
      `SELECT id, worker, message_id, reason, body, received_at, replayed_at, replays FROM dead_letter
       WHERE (?1 IS NULL OR worker = ?1) AND (?2 IS NULL OR (received_at, id) < (?2, ?3)) ORDER BY received_at DESC, id DESC LIMIT ?4`,
    )
    .bind(worker ?? null, beforeMs ?? null, beforeId ?? null, limit + 1)
    .all();
  const page = z.array(row).parse(results.slice(0, limit));
  const last = page.at(-1);
  return {
    items: page.map(({ received_at, replayed_at, body, ...facts }) => ({
      ...facts,
      message: readable(body),
      received_at: new Date(received_at).toISOString(),
      replayed_at: replayed_at === null ? null : new Date(replayed_at).toISOString(),
    })),
    next_cursor: results.length > limit && last ? `${last.received_at}.${last.id}` : null,
  };
}

/** `<ms>.<id>` of the last letter of the page before; a cursor of another form begins at the start. */
function splitCursor(cursor: string | undefined): [number, string] | [] {
  const [, ms, id] = /^(\d{1,15})\.(\w+)$/.exec(cursor ?? "") ?? [];
  return ms === undefined || id === undefined ? [] : [Number(ms), id];
}

function readable(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
