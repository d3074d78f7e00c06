import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootD1, type TestDatabase } from "../../../tests/support/d1.ts";
import { createEffects, effectStatements, effectsOn } from "../../../tests/support/effects.ts";
import { aGrant, aPack } from "../../../tests/support/events.ts";
import { FakeQueue } from "../../../tests/support/queues.ts";
import { consumeInbox } from "./inbox.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await bootD1();
  await createEffects(database.db);
});
afterAll(() => database.stop());

// Three messages with several events each, of two tenants.
const MESSAGES = [0, 1, 2].map((message) =>
  aPack({
    id: `billing:grant_${message}:0`,
    events: [0, 1, 2].map((event) => aGrant({ id: `evt_${message}${event}`, tenant: `t_${event % 2}`, cents: 1 + 10 * message + event })),
  }),
);
const EVENTS = MESSAGES.flatMap((pack) => pack.events.map((event) => event.id));

/** Every message at least once, up to three times more, in any order, cut into batches. */
const deliveries = fc
  .array(fc.nat({ max: MESSAGES.length - 1 }), { maxLength: 6 })
  .chain((repeats) => fc.shuffledSubarray([...MESSAGES.keys(), ...repeats], { minLength: MESSAGES.length + repeats.length }))
  .chain((order) => fc.tuple(fc.constant(order), fc.array(fc.boolean(), { minLength: order.length, maxLength: order.length })));

test("messages in any order, any number of times, in any batches, leave the same state", async () => {
  const { db } = database;
  await fc.assert(
    fc.asyncProperty(deliveries, async ([order, endsBatch]) => {
      await database.clear();
      const queue = new FakeQueue();
      const consume = () =>
        queue.deliver((batch) =>
          consumeInbox(batch, { db, worker: "inference", now: 0, handle: async (events) => effectStatements(db, "inference", events) }),
        );
      for (const [place, message] of order.entries()) {
        queue.put(MESSAGES[message]);
        if (endsBatch[place]) await consume();
      }
      await consume();
      expect(await effectsOn(db, "inference")).toEqual(EVENTS);
      const { results } = await db.prepare("SELECT tenant, cents FROM balance ORDER BY tenant").all();
      expect(results).toEqual([
        { tenant: "t_0", cents: 1 + 3 + 11 + 13 + 21 + 23 },
        { tenant: "t_1", cents: 2 + 12 + 22 },
      ]);
    }),
    { numRuns: 25 },
  );
});
