import type { AnyEvent } from "@weir/events/catalogue";
import { outboxStatements, sendOutbox } from "@weir/events/outbox";
import type { WorkerName } from "@weir/events/workers";
import type { CellEnv } from "./cell-env.ts";

/** Where work goes that the caller does not wait for. */
export type Background = Pick<ExecutionContext, "waitUntil">;

interface Change {
  worker: WorkerName;
  /** Names the change: the id of what was made or altered. */
  cause: string;
  statements: D1PreparedStatement[];
  events: AnyEvent[];
  now: number;
}

/**
 * Commits a change and the events that it causes in one D1 batch, then sends the events without making the caller wait.
 * A process that dies after the commit leaves them to the sweep.
 */
export async function commit(env: CellEnv, background: Background, change: Change): Promise<void> {
  await env.DB.batch([...change.statements, ...outboxStatements(env.DB, change.worker, change.cause, change.events, change.now)]);
  background.waitUntil(sendOutbox(env, change.worker, change.cause, change.now).catch(() => undefined));
}
