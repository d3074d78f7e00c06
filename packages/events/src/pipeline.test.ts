import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { expect, onTestFinished, test, vi } from "vitest";
import { bundleWorker } from "../../cli/src/bundle.ts";
import { applyMigrations } from "../../cli/src/stack.ts";
import { countRows, createEffects, effectsOn } from "../../../tests/support/effects.ts";

const WORKER = join(import.meta.dirname, "../../../tests/support/pipeline-worker.ts");

test("through real queues: a good message takes effect, a failing one is retried, kept, and takes effect once it is replayed", async () => {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      log: new Log(LogLevel.ERROR),
      unsafeObservability: false,
      modules: await bundleWorker(WORKER),
      modulesRoot: "/",
      compatibilityDate: "2026-11-01",
      d1Databases: { DB: "test" },
      queueProducers: {
        INBOX_INFERENCE: "inference",
        INBOX_METERING: "metering",
        INBOX_BILLING: "billing",
        INBOX_PRIVACY: "privacy",
        INBOX_COMPLIANCE: "compliance",
      },
      queueConsumers: {
        inference: { maxBatchSize: 10, maxBatchTimeout: 0, maxRetries: 1, deadLetterQueue: "inference-dead" },
        "inference-dead": { maxBatchSize: 10, maxBatchTimeout: 0, maxRetries: 1 },
      },
    }),
  );
  onTestFinished(() => miniflare.dispose());
  const db: D1Database = await miniflare.getD1Database("DB");
  await applyMigrations(db);
  await createEffects(db);
  await db.prepare("CREATE TABLE mended (since INTEGER)").run();
  const call = async (path: string): Promise<unknown> => (await miniflare.dispatchFetch(`http://worker/${path}`)).json();
  const eventually = <T>(check: () => Promise<T>) => vi.waitFor(check, { timeout: 20_000, interval: 50 });

  expect(await call("grant/t_unlucky")).toBe(1);
  expect(await call("grant/t_lucky")).toBe(1);
  await eventually(async () => expect(await effectsOn(db, "inference")).toEqual(["evt_t_lucky"]));

  const dead = await eventually(async () => {
    const row = await db.prepare("SELECT id, worker, message_id, body, replays FROM dead_letter").first();
    expect(row).toMatchObject({ worker: "inference", message_id: "billing:t_unlucky:0", replays: 0 });
    return row;
  });
  const { body } = (await db.prepare("SELECT body FROM outbox WHERE id = 'billing:t_unlucky:0'").first()) ?? {};
  expect(dead?.["body"]).toBe(body);

  await db.prepare("INSERT INTO mended VALUES (1)").run();
  expect(await call(`replay/${String(dead?.["id"])}`)).toBe(true);
  await eventually(async () => expect(await effectsOn(db, "inference")).toEqual(["evt_t_lucky", "evt_t_unlucky"]));
  expect(await countRows(db, "dead_letter")).toBe(1);
});
