import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bootD1, type TestDatabase } from "../../../tests/support/d1.ts";
import { countRows } from "../../../tests/support/effects.ts";
import { aPack } from "../../../tests/support/events.ts";
import { FakeQueue } from "../../../tests/support/queues.ts";
import { consumeDeadLetters } from "./dead-letter.ts";
import { consumeInbox, type PackHandler } from "./inbox.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await bootD1();
});
afterAll(() => database.stop());
beforeEach(() => database.clear());

const fromObject = () => ({ ...aPack(), id: "gate:t_eu_1:1", born: "object" });
const doesNothing: PackHandler = async () => [];

/** Delivers what waits; returns the messages whose sender was told that they are recorded. */
async function confirmedBy(queue: FakeQueue, handle: PackHandler = doesNothing, tell?: () => Promise<void>): Promise<string[]> {
  const confirmed: string[] = [];
  const confirm = async (id: string) => {
    await tell?.();
    confirmed.push(id);
  };
  await queue.deliver((batch) => consumeInbox(batch, { db: database.db, worker: "inference", now: 7, handle, confirm }));
  return confirmed;
}

describe("the object that sent a message", () => {
  test("is told when its reader has recorded it", async () => {
    const queue = new FakeQueue();
    queue.put(fromObject());
    expect(await confirmedBy(queue)).toEqual(["gate:t_eu_1:1"]);
  });

  test("is told again of a repeat: the first word may have been lost", async () => {
    const queue = new FakeQueue();
    queue.put(fromObject());
    queue.put(fromObject());
    expect(await confirmedBy(queue)).toEqual(["gate:t_eu_1:1", "gate:t_eu_1:1"]);
  });

  test("is not told while handling fails", async () => {
    const queue = new FakeQueue();
    queue.put(fromObject());
    expect(await confirmedBy(queue, () => Promise.reject(new Error("The Meter is away")))).toEqual([]);
    expect(await confirmedBy(queue)).toEqual(["gate:t_eu_1:1"]);
  });

  test("that cannot be told leaves the message to be retried", async () => {
    const queue = new FakeQueue();
    queue.put(fromObject());
    expect(await confirmedBy(queue, doesNothing, () => Promise.reject(new Error("The Gate is away")))).toEqual([]);
    expect(queue.waiting.length).toBe(1);
    expect(await confirmedBy(queue)).toEqual(["gate:t_eu_1:1"]);
  });

  test("is told of a message that nobody could read, once it is kept as a dead letter", async () => {
    const queue = new FakeQueue();
    queue.put({ ...fromObject(), events: [{ nonsense: true }] });
    expect(await confirmedBy(queue)).toEqual(["gate:t_eu_1:1"]);
    expect(await countRows(database.db, "dead_letter")).toBe(1);
  });

  test("is told of a message that the queue gave up, once it is kept as a dead letter", async () => {
    const queue = new FakeQueue();
    queue.put(fromObject());
    const confirmed: string[] = [];
    await queue.deliver((batch) =>
      consumeDeadLetters(batch, database.db, "inference", 7, async (id) => {
        confirmed.push(id);
      }),
    );
    expect(confirmed).toEqual(["gate:t_eu_1:1"]);
    expect(await countRows(database.db, "dead_letter")).toBe(1);
  });
});
