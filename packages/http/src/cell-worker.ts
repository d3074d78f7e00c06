import { consumeDeadLetters } from "@weir/events/dead-letter";
import { consumeInbox, type PackHandler } from "@weir/events/inbox";
import { sweepOutbox } from "@weir/events/outbox";
import type { WorkerName } from "@weir/events/workers";
import type { CellEnv } from "./cell-env.ts";
import { causeOf, log } from "./log.ts";

interface CellWorkerParts<Env extends CellEnv> {
  worker: WorkerName;
  fetch: ExportedHandlerFetchHandler<Env>;
  handle: (env: Env) => PackHandler;
  /** For workers that read what Gates send: see `confirmPack`. */
  confirm?: (env: Env, messageId: string) => Promise<void>;
  /** Deletes what has outlived its use, once a minute. */
  forget?: (db: D1Database, now: number) => Promise<unknown>;
}

/** The three ways into a worker of a cell: requests, its inbox queue (and what that gave up), and the sweep of its outbox each minute. */
export function cellWorker<Env extends CellEnv>({ worker, fetch, handle, confirm, forget }: CellWorkerParts<Env>) {
  return {
    fetch,
    async queue(batch, env) {
      const now = Date.now();
      const tell = (messageId: string) => confirm?.(env, messageId) ?? Promise.resolve();
      if (batch.queue.includes("-dead-")) await consumeDeadLetters(batch, env.DB, worker, now, tell);
      else
        await consumeInbox(batch, {
          db: env.DB,
          worker,
          now,
          handle: handle(env),
          confirm: tell,
          onFailure: ({ messageId, attempts, error }) =>
            log({ level: "warn", what: "a message will be retried", message: messageId, attempts, cause: causeOf(error) }),
        });
    },
    async scheduled(_controller, env) {
      const now = Date.now();
      await sweepOutbox(env, worker, now);
      await forget?.(env.DB, now);
    },
  } satisfies ExportedHandler<Env>;
}
