import { newEvent, type WeirEvent } from "@weir/events/catalogue";
import { consumeInbox, dispatch } from "@weir/events/inbox";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { bootD1, type TestDatabase } from "../../../../tests/support/d1.ts";
import { FakeQueue } from "../../../../tests/support/queues.ts";
import { aWallet, booksOf } from "../../../../tests/support/billing.ts";
import { reserve } from "../wallet.ts";
import { settleUsage } from "./usage-metered.ts";

vi.mock("cloudflare:workers", () => ({ WorkerEntrypoint: Object }));

let database: TestDatabase;
let db: D1Database;

beforeAll(async () => {
  database = await bootD1();
  db = database.db;
});
beforeEach(() => database.clear());
afterAll(() => database.stop());

const TENANT = "t_eu_1";
const GRANTED = 1_000_000_000_000n;

/** A wallet whose credit is all set aside, and a price of 3 picos in and 7 picos out for a token. */
async function aTenantInFlight(): Promise<void> {
  await aWallet(db, TENANT, GRANTED);
  await reserve(db, { tenant: TENANT, id: "r", currency: "USD", needNanos: "1", wantNanos: GRANTED.toString(), now: 0 });
  const price = JSON.stringify({ currency: "USD", per: 1, input: "0.000000000003", output: "0.000000000007" });
  await db
    .prepare(
      "INSERT INTO price_version (id, tenant, deployment, model, region, price, cost, created_at) VALUES ('price_eu_1', ?1, 'd', 'm', 'de', ?2, ?2, 0)",
    )
    .bind(TENANT, price)
    .run();
}

function metered(
  id: string,
  input: number,
  output: number,
  fields: { price_version?: string; month?: string } = {},
): WeirEvent<"usage.metered"> {
  const usage = { input, cached_input: 0, cache_write: 0, output, reasoning: 0, audio: 0, image: 0 };
  const data = { flush: 1, price_version: "price_eu_1", month: "2026-11", requests: 1, usage, root: "0".repeat(64), ...fields };
  return newEvent("usage.metered", { id, tenant: TENANT, now: 0, data });
}

async function deliver(queue: FakeQueue) {
  return queue.deliver((batch) =>
    consumeInbox(batch, {
      db,
      worker: "billing",
      now: 0,
      handle: dispatch({ "usage.metered": (events, { now }) => settleUsage(db, events, now) }),
    }),
  );
}

function queueOf(...packs: WeirEvent<"usage.metered">[][]): FakeQueue {
  const queue = new FakeQueue();
  packs.forEach((events, index) => queue.put({ v: 1, id: `metering:pack:${index}`, born: "outbox", events }));
  return queue;
}

test("usage is charged exactly: whole units of 10^-9 leave what is held, the rest is carried", async () => {
  await aTenantInFlight();
  await deliver(queueOf([metered("m1", 1_000, 100)]));
  // 3 700 picos: 3 nanos and 700 picos.
  expect(await booksOf(db, TENANT)).toMatchObject({
    held: GRANTED - 3n,
    spent: 3n,
    remainderPicos: 700n,
    unbalanced: [],
    accounts: { revenue: 3n },
  });
});

test("a pack that is delivered again is charged once", async () => {
  await aTenantInFlight();
  const pack = [metered("m1", 1_000, 0), metered("m2", 0, 1_000)];
  const queue = queueOf(pack);
  queue.put(queue.bodies[0]);
  queue.put(queue.bodies[0]);
  const outcomes = await deliver(queue);
  expect(outcomes.map(({ ack }) => ack)).toEqual([true, true, true]);
  expect(await booksOf(db, TENANT)).toMatchObject({ spent: 10n, held: GRANTED - 10n, unbalanced: [] });
  expect(await db.prepare("SELECT requests, input, output FROM rated_usage").all()).toMatchObject({
    results: [{ requests: 2, input: 1_000, output: 1_000 }],
  });
});

test("usage worth less than 10^-9 moves no money until it adds up", async () => {
  await aTenantInFlight();
  await deliver(queueOf([metered("m1", 300, 0)], [metered("m2", 33, 0)]));
  expect(await booksOf(db, TENANT)).toMatchObject({ spent: 0n, remainderPicos: 999n, unbalanced: [] });
  await db.prepare("DELETE FROM inbox").run();
  await deliver(queueOf([metered("m3", 1, 0)]));
  expect(await booksOf(db, TENANT)).toMatchObject({ spent: 1n, remainderPicos: 2n, held: GRANTED - 1n });
});

test("usage at a price that nobody knows is neither dropped nor billed as zero: its message waits, its neighbours do not", async () => {
  await aTenantInFlight();
  const outcomes = await deliver(
    queueOf([metered("m1", 1_000, 0), metered("m2", 1, 1, { price_version: "price_eu_none" })], [metered("m3", 1_000, 0)]),
  );
  expect(outcomes.map(({ ack }) => ack)).toEqual([false, true]);
  expect(await booksOf(db, TENANT)).toMatchObject({ spent: 3n });
});

test("usage of two months goes to two invoices", async () => {
  await aTenantInFlight();
  await deliver(queueOf([metered("m1", 10, 0), metered("m2", 5, 0, { month: "2026-12" })]));
  const { results } = await db.prepare("SELECT month, input FROM rated_usage ORDER BY month").all();
  expect(results).toEqual([
    { month: "2026-11", input: 10 },
    { month: "2026-12", input: 5 },
  ]);
});

test("usage that nobody set money aside for is refused rather than taken from what is not there", async () => {
  await aTenantInFlight();
  await db.prepare("UPDATE wallet SET held = 5, available = 0").run();
  const [outcome] = await deliver(queueOf([metered("m1", 2_000, 0)]));
  expect(outcome?.ack).toBe(false);
  expect(await booksOf(db, TENANT)).toMatchObject({ held: 5n, spent: 0n });
});

test("however usage is split into packs and events, the total is the same to the last pico", async () => {
  const usage = fc.record({ input: fc.nat(5_000), output: fc.nat(5_000) });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(usage, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 }), async (packs) => {
      await database.clear();
      await aTenantInFlight();
      await deliver(
        queueOf(...packs.map((pack, index) => pack.map(({ input, output }, place) => metered(`m${index}.${place}`, input, output)))),
      );
      const picos = packs.flat().reduce((sum, { input, output }) => sum + 3n * BigInt(input) + 7n * BigInt(output), 0n);
      const { held, spent, remainderPicos, accounts, unbalanced } = await booksOf(db, TENANT);
      expect(spent * 1000n + remainderPicos).toBe(picos);
      expect(remainderPicos).toBeLessThan(1000n);
      expect(held + spent).toBe(GRANTED);
      expect([accounts["revenue"] ?? 0n, accounts["wallet_held"]]).toEqual([spent, held]);
      expect(unbalanced).toEqual([]);
    }),
    { numRuns: 30 },
  );
}, 60_000);
