import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bootD1, type TestDatabase } from "../../../tests/support/d1.ts";
import { countRows } from "../../../tests/support/effects.ts";
import { aGrant, aPack } from "../../../tests/support/events.ts";
import { fakeInboxes } from "../../../tests/support/queues.ts";
import { deadLetterStatement } from "./dead-letter.ts";
import { consumeInbox } from "./inbox.ts";
import { outboxStatements, sendOutbox, sweepOutbox } from "./outbox.ts";
import type { WorkerName } from "./workers.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

let database: TestDatabase;
let db: D1Database;
beforeAll(async () => {
  database = await bootD1();
  db = database.db;
});
afterAll(() => database.stop());
beforeEach(() => database.clear());

async function commit(cause: string, now = 0, events = [aGrant({ id: `evt_${cause}` })]): Promise<void> {
  await db.batch(outboxStatements(db, "billing", cause, events, now));
}

function cell() {
  const { env, queue } = fakeInboxes();
  const record = (worker: WorkerName, now: number) =>
    queue[worker].deliver((batch) => consumeInbox(batch, { db, worker, now, handle: async () => [] }));
  return { env: { DB: db, ...env }, queue, record };
}

async function see(worker: WorkerName, messageId: string, seenAt: number): Promise<void> {
  await db.prepare("INSERT INTO inbox (worker, message_id, seen_at) VALUES (?, ?, ?)").bind(worker, messageId, seenAt).run();
}

describe("a change", () => {
  test("that fails to commit leaves no event behind", async () => {
    const broken = db.prepare("INSERT INTO outbox (id) VALUES (NULL)");
    await expect(db.batch([...outboxStatements(db, "billing", "grant_1", [aGrant()], 0), broken])).rejects.toThrow("NOT NULL");
    expect(await countRows(db, "outbox")).toBe(0);
  });

  test("written twice is one outbox row", async () => {
    await commit("grant_1");
    await commit("grant_1");
    expect(await countRows(db, "outbox")).toBe(1);
  });

  test("sends its own rows and no others", async () => {
    const { env, queue } = cell();
    for (const cause of ["grant_1", "grant_10", "grant_[1]", "grant_*"]) await commit(cause);
    expect(await sendOutbox(env, "billing", "grant_1", 0)).toBe(1);
    expect(await sendOutbox(env, "billing", "grant_*", 0)).toBe(1);
    expect(await sendOutbox(env, "billing", "grant_[1]", 0)).toBe(1);
    expect(queue.compliance.bodies.map((body) => Object(body).id)).toEqual([
      "billing:grant_1:0",
      "billing:grant_*:0",
      "billing:grant_[1]:0",
    ]);
  });

  test("with more events than a message holds sends all of them", async () => {
    const { env, queue } = cell();
    const events = Array.from({ length: 250 }, (_, index) => aGrant({ id: `evt_${index}` }));
    await commit("import_1", 0, events);
    expect(await sendOutbox(env, "billing", "import_1", 0)).toBe(3);
    expect(queue.compliance.bodies.flatMap((body) => Object(body).events)).toEqual(events);
  });

  test("whose pack could not be read back is refused before it is committed", () => {
    expect(() => outboxStatements(db, "billing", "x".repeat(128), [aGrant()], 0)).toThrow("Too big");
  });
});

describe("an outbox row", () => {
  test("is deleted when every subscriber has recorded it, and not before", async () => {
    const { env, record } = cell();
    await commit("grant_1");
    await sendOutbox(env, "billing", "grant_1", 0);
    await sweepOutbox(env, "billing", 1);
    expect(await countRows(db, "outbox")).toBe(1);
    await record("inference", 2);
    await sweepOutbox(env, "billing", 3);
    expect(await countRows(db, "outbox")).toBe(1);
    await record("compliance", 4);
    await sweepOutbox(env, "billing", 5);
    expect(await countRows(db, "outbox")).toBe(0);
  });

  test("is deleted when a subscriber has dead-lettered it", async () => {
    const { env, record } = cell();
    await commit("grant_1");
    await sendOutbox(env, "billing", "grant_1", 0);
    await record("compliance", 1);
    const body = aPack({ id: "billing:grant_1:0" });
    await db.batch([await deadLetterStatement(db, { worker: "inference", body, reason: "Gave up", now: 2 })]);
    await sweepOutbox(env, "billing", 3);
    expect(await countRows(db, "outbox")).toBe(0);
  });

  test("is kept though a worker that does not subscribe has recorded it", async () => {
    const { env } = cell();
    await commit("grant_1");
    await sendOutbox(env, "billing", "grant_1", 0);
    await see("metering", "billing:grant_1:0", 1);
    await see("compliance", "billing:grant_1:0", 1);
    await sweepOutbox(env, "billing", 2);
    expect(await countRows(db, "outbox")).toBe(1);
  });

  test("is kept though another worker sweeps", async () => {
    const { env } = cell();
    await commit("grant_1");
    expect(await sweepOutbox(env, "privacy", MINUTE)).toBe(0);
    expect(await countRows(db, "outbox")).toBe(1);
  });

  test("that is not recorded is sent again after a minute, unchanged, to those that have not recorded it", async () => {
    const { env, queue, record } = cell();
    await commit("grant_1");
    await sendOutbox(env, "billing", "grant_1", 1_000);
    await record("inference", 2_000);
    expect(await sweepOutbox(env, "billing", 1_000 + MINUTE - 1)).toBe(0);
    expect(await sweepOutbox(env, "billing", 1_000 + MINUTE)).toBe(1);
    const [first, second] = queue.compliance.bodies;
    expect(second).toEqual(first);
    expect(queue.inference.tries).toBe(1);
    expect(await sweepOutbox(env, "billing", 1_000 + MINUTE + 1)).toBe(0);
  });

  test("whose change was interrupted is sent by the sweep, once the change had its time", async () => {
    const { env, queue } = cell();
    await commit("grant_1", 1_000);
    expect(await sweepOutbox(env, "billing", 5_999)).toBe(0);
    expect(await sweepOutbox(env, "billing", 6_000)).toBe(1);
    expect(queue.inference.bodies).toEqual([aPack({ events: [aGrant({ id: "evt_grant_1" })] })]);
  });

  test("goes away though a subscriber has left the catalogue since", async () => {
    const { env, record } = cell();
    await commit("grant_1");
    await db.prepare(`UPDATE outbox SET subscribers = '["privacy","inference","compliance"]'`).run();
    await sendOutbox(env, "billing", "grant_1", 0);
    for (const worker of ["privacy", "inference", "compliance"] as const) await record(worker, 1);
    await sweepOutbox(env, "billing", 2);
    expect(await countRows(db, "outbox")).toBe(0);
  });
});

describe.each(["refuses", "hangs"] as const)("a queue that %s", (behaviour) => {
  test("loses nothing: the row stays, and the sweep sends it when the queue is back", async () => {
    const { env, queue, record } = cell();
    await commit("grant_1");
    queue.inference.behaviour = behaviour;
    await expect(sendOutbox(env, "billing", "grant_1", 0, { timeoutMs: 5 })).rejects.toThrow("The inbox of inference refused message");
    expect(await db.prepare("SELECT sent_at FROM outbox").first()).toEqual({ sent_at: null });
    await expect(sweepOutbox(env, "billing", MINUTE, { timeoutMs: 5 })).rejects.toThrow("refused");
    expect(await countRows(db, "outbox")).toBe(1);

    queue.inference.behaviour = "accepts";
    expect(await sweepOutbox(env, "billing", 2 * MINUTE)).toBe(1);
    for (const worker of ["inference", "compliance"] as const) await record(worker, 2 * MINUTE);
    await sweepOutbox(env, "billing", 3 * MINUTE);
    expect(await countRows(db, "outbox")).toBe(0);
    expect(await countRows(db, "inbox")).toBe(2);
  });

  test("is left alone after three messages, while the other queues get theirs", async () => {
    const { env, queue } = cell();
    for (const cause of ["a", "b", "c", "d", "e", "f"]) await commit(cause);
    queue.inference.behaviour = behaviour;
    await expect(sweepOutbox(env, "billing", MINUTE, { timeoutMs: 5 })).rejects.toThrow("refused");
    expect(queue.inference.tries).toBe(3 * 3);
    expect(queue.compliance.bodies).toHaveLength(6);
    expect(await db.prepare("SELECT count(sent_at) AS marked FROM outbox").first("marked")).toBe(0);
  });
});

test("a row that cannot be read does not hold up the rows behind it", async () => {
  const { env, queue } = cell();
  await commit("a");
  await commit("b", 1);
  await db.prepare("UPDATE outbox SET body = '{}' WHERE id = 'billing:a:0'").run();
  await expect(sweepOutbox(env, "billing", MINUTE)).rejects.toThrow("Invalid input");
  expect(queue.compliance.bodies).toEqual([aPack({ id: "billing:b:0", events: [aGrant({ id: "evt_b" })] })]);
  expect(await db.prepare("SELECT id FROM outbox WHERE sent_at IS NULL").first("id")).toBe("billing:a:0");
});

describe("an inbox row", () => {
  test("older than what a queue keeps is forgotten, a younger one and another worker's are kept", async () => {
    const { env } = cell();
    await see("billing", "old", 0);
    await see("billing", "young", DAY);
    await see("inference", "old", 0);
    await sweepOutbox(env, "billing", 15 * DAY + 1);
    const { results } = await db.prepare("SELECT worker, message_id FROM inbox ORDER BY worker").all();
    expect(results).toEqual([
      { worker: "billing", message_id: "young" },
      { worker: "inference", message_id: "old" },
    ]);
  });

  test("is kept while the outbox still waits for another subscriber, so that a repeat stays a repeat", async () => {
    const { env, queue } = cell();
    await commit("grant_1");
    await see("inference", "billing:grant_1:0", 0);
    await sweepOutbox(env, "inference", 30 * DAY);
    await sweepOutbox(env, "billing", 30 * DAY);
    expect(queue.inference.tries).toBe(0);
    expect(await countRows(db, "inbox")).toBe(1);
    await see("compliance", "billing:grant_1:0", 30 * DAY);
    await sweepOutbox(env, "billing", 30 * DAY);
    await sweepOutbox(env, "inference", 30 * DAY);
    expect(await db.prepare("SELECT worker FROM inbox").first("worker")).toBe("compliance");
  });
});
