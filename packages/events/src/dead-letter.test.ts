import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bootD1, type TestDatabase } from "../../../tests/support/d1.ts";
import { countRows, createEffects, effectStatements, effectsOn } from "../../../tests/support/effects.ts";
import { aGrant, aPack } from "../../../tests/support/events.ts";
import { fakeInboxes } from "../../../tests/support/queues.ts";
import { consumeDeadLetters, replayDeadLetter } from "./dead-letter.ts";
import { consumeInbox, type PackHandler } from "./inbox.ts";
import { sweepOutbox } from "./outbox.ts";

const DAY = 24 * 3_600_000;

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
const recordNothing: PackHandler = async () => [];

function cell() {
  const { env, queue } = fakeInboxes();
  const inbox = queue.inference;
  return {
    env: { DB: db, ...env },
    inbox,
    consume: (handle = recordEffects) => inbox.deliver((batch) => consumeInbox(batch, { db, worker: "inference", now: 1, handle })),
    /** What the queue does after the last retry. */
    giveUp: () => inbox.deliver((batch) => consumeDeadLetters(batch, db, "inference", 2)),
  };
}

async function onlyLetter(): Promise<Record<string, unknown> & { id: string }> {
  const { results } = await db.prepare("SELECT * FROM dead_letter").all<{ id: string }>();
  const [letter, ...others] = results;
  if (!letter || others.length > 0) throw new Error(`There are ${results.length} dead letters`);
  return letter;
}

describe("a poison message among good ones", () => {
  const future = {
    ...aPack({ id: "future" }),
    events: [{ ...aGrant({ id: "evt_future" }), type: "credit.vanished", data: { text: "\u0000 é \ud83d 𐍈", deep: [{ n: 1e21 }] } }],
  };

  test("is kept whole and acknowledged; the good ones are handled", async () => {
    const { inbox, consume } = cell();
    inbox.put(aPack({ id: "a", events: [aGrant({ id: "evt_a" })] }));
    inbox.put(future);
    inbox.put(aPack({ id: "b", events: [aGrant({ id: "evt_b" })] }));
    expect(await consume()).toMatchObject([{ ack: true }, { ack: true, retryAfter: undefined }, { ack: true }]);
    expect(await effectsOn(db, "inference")).toEqual(["evt_a", "evt_b"]);
    expect(await onlyLetter()).toMatchObject({
      worker: "inference",
      message_id: "future",
      body: JSON.stringify(future),
      reason: "Unknown event type credit.vanished",
      received_at: 1,
      replayed_at: null,
      replays: 0,
    });
  });

  test("again is the same row, under the same id with another body is another", async () => {
    const { inbox, consume } = cell();
    for (const body of [future, future, { ...future, v: 2 }]) inbox.put(body);
    await consume();
    expect(await countRows(db, "dead_letter")).toBe(2);
  });

  test.each<[what: string, body: unknown]>([
    ["a text", "hello"],
    ["a number", 7],
    ["nothing", null],
    ["a list", [1, 2]],
    ["an object with another id", { id: 5 }],
  ])("may be %s", async (_, body) => {
    const { inbox, consume } = cell();
    inbox.put(body);
    expect(await consume()).toMatchObject([{ ack: true }]);
    expect(await onlyLetter()).toMatchObject({ message_id: null, body: JSON.stringify(body) });
  });

  test.each<[what: string, body: unknown, kept: string]>([
    ["bytes", new Uint8Array([1, 255]), '"01ff"'],
    ["a buffer", new Uint8Array([1, 255]).buffer, '"01ff"'],
    ["a big integer", { n: 1n }, '{"n":"1"}'],
    ["undefined", undefined, "null"],
  ])("may be what JSON cannot hold: %s", async (_, body, kept) => {
    const { inbox, consume } = cell();
    inbox.waiting.push({ id: "m", body, attempts: 0 });
    expect(await consume()).toMatchObject([{ ack: true }]);
    expect(await onlyLetter()).toMatchObject({ body: kept });
  });
});

describe("a message that the queue gave up", () => {
  test("is kept whole, also when it is delivered twice", async () => {
    const { inbox, giveUp } = cell();
    inbox.put(aPack());
    inbox.put(aPack());
    expect(await giveUp()).toMatchObject([{ ack: true }, { ack: true }]);
    expect(await onlyLetter()).toMatchObject({
      worker: "inference",
      message_id: "billing:grant_1:0",
      body: JSON.stringify(aPack()),
      received_at: 2,
    });
  });

  test("but was handled after all is not replayed", async () => {
    const { env, inbox, consume, giveUp } = cell();
    inbox.put(aPack());
    await consume();
    inbox.put(aPack());
    await giveUp();
    const { id } = await onlyLetter();
    expect(await replayDeadLetter(env, id, 3)).toBe(true);
    expect(inbox.waiting).toEqual([]);
  });
});

describe("a replay", () => {
  test("sends the message unchanged, and it takes effect", async () => {
    const { env, inbox, consume, giveUp } = cell();
    inbox.put(aPack());
    await giveUp();
    const { id } = await onlyLetter();
    expect(await replayDeadLetter(env, id, 3)).toBe(true);
    expect(inbox.bodies).toEqual([aPack()]);
    expect(await onlyLetter()).toMatchObject({ replays: 1, replayed_at: null });
    await consume();
    expect(await effectsOn(db, "inference")).toEqual(["evt_1"]);
    await sweepOutbox(env, "inference", 4);
    expect(await onlyLetter()).toMatchObject({ replays: 1, replayed_at: 4 });
  });

  test("of a message that nobody could read sends it byte for byte", async () => {
    const { env, inbox, consume } = cell();
    inbox.put({ id: "future", text: "\u0000 é \ud83d 𐍈", n: 1e21, list: [{}, null] });
    await consume();
    const { id, body } = await onlyLetter();
    await replayDeadLetter(env, id, 3);
    expect(inbox.bodies.map((message) => JSON.stringify(message))).toEqual([body]);
  });

  test("twice has one effect", async () => {
    const { env, inbox, consume, giveUp } = cell();
    inbox.put(aPack());
    await giveUp();
    const { id } = await onlyLetter();
    await replayDeadLetter(env, id, 3);
    await replayDeadLetter(env, id, 3);
    expect(inbox.waiting).toHaveLength(2);
    await consume();
    expect(await effectsOn(db, "inference")).toEqual(["evt_1"]);
    expect(await onlyLetter()).toMatchObject({ replays: 2 });
  });

  test("after the inbox has forgotten the message has no second effect", async () => {
    const { env, inbox, consume, giveUp } = cell();
    inbox.put(aPack());
    await giveUp();
    const { id } = await onlyLetter();
    await replayDeadLetter(env, id, 3);
    await consume();
    await sweepOutbox(env, "inference", 16 * DAY);
    expect(await countRows(db, "inbox")).toBe(0);
    expect(await replayDeadLetter(env, id, 17 * DAY)).toBe(true);
    expect(inbox.waiting).toEqual([]);
    expect(await effectsOn(db, "inference")).toEqual(["evt_1"]);
  });

  test("that fails again is open again", async () => {
    const { env, inbox, giveUp } = cell();
    inbox.put(aPack({ born: "object" }));
    await giveUp();
    const { id } = await onlyLetter();
    await replayDeadLetter(env, id, 3);
    expect(await onlyLetter()).toMatchObject({ replays: 1, replayed_at: 3 });
    await giveUp();
    expect(await onlyLetter()).toMatchObject({ id, replays: 1, replayed_at: null });
  });

  test("of a message from an object can be repeated: its reader keeps its own record", async () => {
    const { env, inbox, consume, giveUp } = cell();
    inbox.put(aPack({ born: "object" }));
    await giveUp();
    const { id } = await onlyLetter();
    await replayDeadLetter(env, id, 3);
    await consume(recordNothing);
    await replayDeadLetter(env, id, 4);
    expect(inbox.bodies).toEqual([aPack({ born: "object" })]);
    expect(await onlyLetter()).toMatchObject({ replays: 2, replayed_at: 4 });
  });

  test("that the queue refuses is not counted", async () => {
    const { env, inbox, giveUp } = cell();
    inbox.put(aPack());
    await giveUp();
    const { id } = await onlyLetter();
    inbox.behaviour = "refuses";
    await expect(replayDeadLetter(env, id, 3)).rejects.toThrow("The inbox of inference refused message billing:grant_1:0");
    expect(await onlyLetter()).toMatchObject({ replays: 0, replayed_at: null });
  });

  test("of an unknown id sends nothing", async () => {
    const { env, inbox } = cell();
    expect(await replayDeadLetter(env, "dead_unknown", 3)).toBe(false);
    expect(inbox.tries).toBe(0);
  });
});
