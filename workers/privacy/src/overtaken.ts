import { WeirError } from "@weir/domain/errors";

const ATTEMPTS = 12;

/**
 * Runs a change that was prepared from what it read. Where another change came between the reading and the batch, the batch is undone by
 * a constraint, and the change is prepared anew. D1 runs one batch at a time, so in each round one of those that compete gets through.
 */
export async function untilNotOvertaken<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (let left = ATTEMPTS; left > 0; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (!isOvertaken(error)) throw error;
    }
  }
  throw new WeirError("conflict", "Others are changing the same thing right now. Try again.", { retryAfterSeconds: 1 });
}

const OVERTAKEN = [
  // The statements compute no number at all when what they were prepared from has changed.
  "NOT NULL constraint failed: privacy_policy.version",
  "NOT NULL constraint failed: consent_record.sequence",
  "UNIQUE constraint failed: notice.tenant, notice.version",
  "UNIQUE constraint failed: notice.tenant, notice.hash",
];

function isOvertaken(error: unknown): boolean {
  return error instanceof Error && OVERTAKEN.some((text) => error.message.includes(text));
}
