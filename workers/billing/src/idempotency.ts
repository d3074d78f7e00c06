import { WeirError } from "@weir/domain/errors";
import { hashKey } from "@weir/domain/keys";

const KEPT_MS = 24 * 3_600_000;

/** Forgets answers that nobody retries for any more. */
export function forgetOldAnswers(db: D1Database, now: number): Promise<unknown> {
  return db
    .prepare("DELETE FROM idempotency_key WHERE created_at < ?")
    .bind(now - KEPT_MS)
    .run();
}

/**
 * Runs what moves money once per Idempotency-Key (draft-ietf-httpapi-idempotency-key-header). `statements` commit together with
 * the answer, so a process that dies has either done both or neither; a repeat is answered from the store, byte for byte.
 */
export async function once<Answer>(
  db: D1Database,
  request: { owner: string; key: string | undefined; body: unknown; now: number },
  prepare: () => { answer: Answer; statements: D1PreparedStatement[] },
): Promise<{ answer: Answer; replayed: boolean }> {
  const { owner, key, now } = request;
  if (key === undefined || !/^[\x21-\x7e]{1,128}$/.test(key)) {
    throw new WeirError(
      "idempotency_key_required",
      "Send an `Idempotency-Key` header of 1 to 128 visible characters, the same on every retry.",
      {
        param: "idempotency-key",
      },
    );
  }
  const requestHash = await hashKey(JSON.stringify(request.body));
  const { answer, statements } = prepare();
  const record = db
    .prepare("INSERT INTO idempotency_key (owner, key, request_hash, status, response, created_at) VALUES (?, ?, ?, 201, ?, ?)")
    .bind(owner, key, requestHash, JSON.stringify(answer), now);
  try {
    await db.batch([record, ...statements]);
    return { answer, replayed: false };
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes("UNIQUE constraint failed: idempotency_key.")) throw error;
  }
  const stored = await db
    .prepare("SELECT request_hash AS requestHash, response FROM idempotency_key WHERE owner = ? AND key = ?")
    .bind(owner, key)
    .first<{ requestHash: string; response: string }>();
  if (stored?.requestHash !== requestHash) {
    throw new WeirError("idempotency_key_reused", "This Idempotency-Key was used with another body. Use a new key for a new request.", {
      param: "idempotency-key",
    });
  }
  return { answer: JSON.parse(stored.response), replayed: true };
}
