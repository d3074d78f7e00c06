import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Crashing } from "../../../tests/support/crash.ts";
import { bootD1, type TestDatabase } from "../../../tests/support/d1.ts";
import { countRows, createEffects, effectStatements } from "../../../tests/support/effects.ts";
import { aGrant } from "../../../tests/support/events.ts";
import { fakeInboxes } from "../../../tests/support/queues.ts";
import { consumeInbox, type PackHandler } from "./inbox.ts";
import { outboxStatements, sendOutbox, sweepOutbox } from "./outbox.ts";

let database: TestDatabase;
let db: D1Database;
beforeAll(async () => {
  database = await bootD1();
  db = database.db;
  await createEffects(db);
});
afterAll(() => database.stop());

const READERS = ["inference", "compliance"] as const;
const EVENTS = Array.from({ length: 3 }, (_, index) => aGrant({ id: `evt_${index}` }));
const IDS = EVENTS.map((event) => event.id);

/**
 * One change, from its commit until every reader has it and the outbox is empty, in a process that dies at the points given
 * and is started again each time. Beside the change travels a message that nobody can read.
 */
async function story(crashAt: Iterable<number>): Promise<number> {
  await database.clear();
  const crashing = new Crashing(crashAt);
  const { trace } = crashing;
  const { env, queue } = fakeInboxes();
  const cell = { DB: db, ...env };
  let now = 0;
  await db.batch(outboxStatements(db, "billing", "grant_1", EVENTS, now));
  await crashing.survive(() => sendOutbox(cell, "billing", "grant_1", now, { trace }));
  queue.inference.put({ v: 1, id: "poison" });
  // As many rounds as points that can crash, and some to recover.
  for (let round = 0; round < 40 && (await unfinished()); round++) {
    now += 60_000;
    for (const worker of READERS) {
      const handle: PackHandler = async (events) => effectStatements(db, worker, events);
      const consume = () => queue[worker].deliver((batch) => consumeInbox(batch, { db, worker, now, handle, trace }), trace);
      await crashing.survive(consume);
    }
    await crashing.survive(() => sweepOutbox(cell, "billing", now, { trace }));
  }
  expect(queue.inference.waiting).toEqual([]);
  expect(queue.compliance.waiting).toEqual([]);
  expect(await state()).toEqual({ inference: IDS, compliance: IDS, outbox: 0, deadLetters: 1 });
  return crashing.points;

  async function unfinished(): Promise<boolean> {
    return READERS.some((worker) => queue[worker].waiting.length > 0) || (await countRows(db, "outbox")) > 0;
  }
}

test("a crash between any two steps of sender and reader ends in exactly one effect and an empty outbox", async () => {
  const points = await story([]);
  expect(points).toBeGreaterThan(15);
  for (let point = 1; point <= points; point++) await story([point]);
});

test("any number of crashes ends in exactly one effect and an empty outbox", async () => {
  const crashes = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(crashes, async (points) => {
      expect(await story(points)).toBeGreaterThan(15);
    }),
    { numRuns: 15 },
  );
});

async function state(): Promise<unknown> {
  const json = await db
    .prepare(
      `SELECT json_object(
         'inference', (SELECT json_group_array(event ORDER BY event) FROM effect WHERE worker = 'inference'),
         'compliance', (SELECT json_group_array(event ORDER BY event) FROM effect WHERE worker = 'compliance'),
         'outbox', (SELECT count(*) FROM outbox),
         'deadLetters', (SELECT count(*) FROM dead_letter)) AS state`,
    )
    .first<string>("state");
  return JSON.parse(json ?? "null");
}
