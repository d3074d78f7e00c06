import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bootD1, type TestDatabase } from "../../../tests/support/d1.ts";
import { countRows, createEffects, effectStatements, effectsOn } from "../../../tests/support/effects.ts";
import { aGrant, aPack } from "../../../tests/support/events.ts";
import { FakeQueue } from "../../../tests/support/queues.ts";
import { newEvent } from "./catalogue.ts";
import { consumeInbox, dispatch, type Failure, type InboxContext, type PackHandler } from "./inbox.ts";
import { keyRevoked } from "./key-revoked.ts";

let database: TestDatabase;
let db: D1Database;
beforeAll(async () => {
  database = await bootD1();
  db = database.db;
  await createEffects(db);
});
afterAll(() => database.stop());
beforeEach(() => database.clear());

const recordEffects: PackHandler = async (events) => effectStatements(db, "inference", events);

function consume(queue: FakeQueue, handle: PackHandler = recordEffects, onFailure?: (failure: Failure) => void) {
  return queue.deliver((batch) => consumeInbox(batch, { db, worker: "inference", now: 7, handle, ...(onFailure ? { onFailure } : {}) }));
}

describe("the same message", () => {
  test("twice in one batch has one effect", async () => {
    const queue = new FakeQueue();
    queue.put(aPack());
    queue.put(aPack());
    expect(await consume(queue)).toMatchObject([{ ack: true }, { ack: true }]);
    expect(await effectsOn(db, "inference")).toEqual(["evt_1"]);
  });

  test("thrice over time has one effect", async () => {
    const queue = new FakeQueue();
    for (let time = 0; time < 3; time++) {
      queue.put(aPack());
      expect(await consume(queue)).toMatchObject([{ ack: true }]);
    }
    expect(await effectsOn(db, "inference")).toEqual(["evt_1"]);
    expect(await db.prepare("SELECT * FROM inbox").first()).toEqual({ worker: "inference", message_id: "billing:grant_1:0", seen_at: 7 });
  });

  test("has its effect on each worker that reads it", async () => {
    const queue = new FakeQueue();
    for (const worker of ["inference", "compliance"] as const) {
      queue.put(aPack());
      const handle: PackHandler = async (events) => effectStatements(db, worker, events);
      await queue.deliver((batch) => consumeInbox(batch, { db, worker, now: 0, handle }));
      expect(await effectsOn(db, worker)).toEqual(["evt_1"]);
    }
  });

  test("without an effect in D1 is recorded too, so that its outbox row can go", async () => {
    const queue = new FakeQueue();
    queue.put(aPack());
    await consume(queue, async () => []);
    expect(await countRows(db, "inbox")).toBe(1);
  });

  test("from an object, whose effect is in an object, costs D1 nothing", async () => {
    const queue = new FakeQueue();
    queue.put(aPack({ born: "object" }));
    expect(await consume(queue, async () => [])).toMatchObject([{ ack: true }]);
    expect(await countRows(db, "inbox")).toBe(0);
  });

  test("from an object, whose effect is in D1, has one effect", async () => {
    const queue = new FakeQueue();
    queue.put(aPack({ born: "object" }));
    queue.put(aPack({ born: "object" }));
    await consume(queue);
    expect(await effectsOn(db, "inference")).toEqual(["evt_1"]);
  });
});

describe("a handler that fails", () => {
  const failing: PackHandler = async (events, context) => {
    if (context.messageId === "bad") throw new Error("Broken");
    return recordEffects(events, context);
  };

  test("is retried alone, its neighbours are acknowledged", async () => {
    const queue = new FakeQueue();
    queue.put(aPack({ id: "a", events: [aGrant({ id: "evt_a" })] }));
    queue.put(aPack({ id: "bad", events: [aGrant({ id: "evt_bad" })] }));
    queue.put(aPack({ id: "c", events: [aGrant({ id: "evt_c" })] }));
    expect(await consume(queue, failing)).toMatchObject([
      { ack: true, retryAfter: undefined },
      { ack: false, retryAfter: 2 },
      { ack: true, retryAfter: undefined },
    ]);
    expect(await effectsOn(db, "inference")).toEqual(["evt_a", "evt_c"]);
    expect(await countRows(db, "dead_letter")).toBe(0);
  });

  test("is retried later and later, up to a quarter of an hour", async () => {
    const queue = new FakeQueue();
    queue.put(aPack({ id: "bad" }));
    const delays: (number | undefined)[] = [];
    for (let attempt = 0; attempt < 12; attempt++) delays.push((await consume(queue, failing))[0]?.retryAfter);
    expect(delays).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
  });

  test("leaves no record, and takes effect once it works", async () => {
    const queue = new FakeQueue();
    queue.put(aPack({ id: "bad" }));
    await consume(queue, failing);
    expect(await countRows(db, "inbox")).toBe(0);
    await consume(queue);
    expect(await effectsOn(db, "inference")).toEqual(["evt_1"]);
  });

  test("in its statements leaves neither effect nor record", async () => {
    const queue = new FakeQueue();
    queue.put(aPack());
    const broken: PackHandler = async (events) => [
      ...effectStatements(db, "inference", events),
      db.prepare("INSERT INTO balance VALUES ('t_1', NULL)"),
    ];
    expect(await consume(queue, broken)).toMatchObject([{ ack: false, retryAfter: 2 }]);
    expect([await effectsOn(db, "inference"), await countRows(db, "inbox")]).toEqual([[], 0]);
  });

  test("by breaking a key of its own table is retried, not taken for a repeat", async () => {
    const queue = new FakeQueue();
    queue.put(aPack());
    const line = db.prepare("INSERT INTO balance VALUES ('t_1', 1)");
    expect(await consume(queue, async () => [line, line])).toMatchObject([{ ack: false, retryAfter: 2 }]);
    expect(await countRows(db, "inbox")).toBe(0);
  });

  test("says why", async () => {
    const queue = new FakeQueue();
    const failures: Failure[] = [];
    queue.put(aPack({ id: "bad" }));
    await consume(queue, failing, (failure) => failures.push(failure));
    expect(failures).toEqual([{ messageId: "bad", attempts: 1, error: new Error("Broken") }]);
  });
});

describe("dispatch", () => {
  const revoked = newEvent("key.revoked", { id: "evt_revoked", tenant: "t_1", now: 0, data: keyRevoked.example });
  const context: InboxContext = { now: 0, messageId: "m", born: "outbox" };

  test("gives each handler the events of its type in order, and commits the statements of all", async () => {
    const seen: string[][] = [];
    const statement = db.prepare("SELECT 1");
    const handle = dispatch({
      "credit.changed": async (events) => {
        seen.push(events.map((event) => `${event.type} ${event.id}`));
        return [statement];
      },
      "key.revoked": async (events) => {
        seen.push(events.map((event) => `${event.type} ${event.id}`));
        return [statement, statement];
      },
    });
    expect(await handle([aGrant({ id: "evt_1" }), revoked, aGrant({ id: "evt_2" })], context)).toHaveLength(3);
    expect(seen).toEqual([["credit.changed evt_1", "credit.changed evt_2"], ["key.revoked evt_revoked"]]);
  });

  test("ignores a type without a handler", async () => {
    expect(await dispatch({})([revoked], context)).toEqual([]);
  });
});
