import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { bootD1, type TestDatabase } from "../../../tests/support/d1.ts";
import { queryUsage, type UsageQuery } from "./usage.ts";

let database: TestDatabase;
let db: D1Database;

beforeAll(async () => {
  database = await bootD1();
  db = database.db;
});
beforeEach(async () => {
  await database.clear();
  await aPrice("price_eu_1", "USD", "1", "2");
  await aPrice("price_eu_2", "USD", "3", "4");
  await aPrice("price_eu_3", "EUR", "1", "1");
});
afterAll(() => database.stop());

const START = Date.parse("2026-11-01T00:00:00Z");
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

async function aPrice(id: string, currency: string, input: string, output: string): Promise<void> {
  const price = JSON.stringify({ currency, per: 1_000_000, input, output });
  const cost = JSON.stringify({ currency: "USD", per: 1_000_000, input: "0.5", output: "0.5" });
  await db
    .prepare(
      "INSERT INTO price_version (id, tenant, deployment, model, region, price, cost, created_at) VALUES (?, 't', 'd', 'm', 'de', ?, ?, 0)",
    )
    .bind(id, price, cost)
    .run();
}

async function aRollup(fields: {
  tenant?: string;
  minute?: number;
  model?: string;
  region?: string;
  price?: string;
  requests?: number;
  input?: number;
  output?: number;
}) {
  const { tenant = "t", minute = START, model = "m", region = "de", price = "price_eu_1", requests = 1, input = 10, output = 5 } = fields;
  await db
    .prepare(
      `INSERT INTO usage_rollup (tenant, minute, model, deployment, region, purpose, price_version, requests, input, cached_input, cache_write, output,
         reasoning, audio, image) VALUES (?, ?, ?, 'd', ?, 'chat', ?, ?, ?, 0, 0, ?, 0, 0, 0)`,
    )
    .bind(tenant, minute, model, region, price, requests, input, output)
    .run();
}

const query = (fields: Partial<UsageQuery> = {}) =>
  queryUsage(db, "t", { from: START, to: START + 31 * DAY, groupBy: [], window: undefined, ...fields });

describe("usage", () => {
  test("is one sum without groups, charged exactly at each price", async () => {
    await aRollup({});
    await aRollup({ minute: START + MINUTE, price: "price_eu_2", requests: 2, input: 7, output: 3 });
    expect(await query()).toEqual([
      {
        requests: 3,
        input: 17,
        cached_input: 0,
        cache_write: 0,
        output: 8,
        reasoning: 0,
        audio: 0,
        image: 0,
        // 10 × 1 + 5 × 2 + 7 × 3 + 3 × 4, of 10^-6
        charge: "0.000053",
        currency: "USD",
        cost: "0.0000125",
        cost_currency: "USD",
      },
    ]);
  });

  test("of nothing is an empty list", async () => {
    expect(await query()).toEqual([]);
  });

  test("is grouped by what was asked for, and groups add up to the whole", async () => {
    for (const model of ["a", "b"])
      for (const region of ["de", "fr"]) for (const price of ["price_eu_1", "price_eu_2"]) await aRollup({ model, region, price });
    expect(await query({ groupBy: ["model"] })).toMatchObject([
      { model: "a", requests: 4 },
      { model: "b", requests: 4 },
    ]);
    const both = await query({ groupBy: ["model", "region"] });
    expect(both).toHaveLength(4);
    expect(await query({ groupBy: ["price_version"] })).toMatchObject([
      { price_version: "price_eu_1", requests: 4 },
      { price_version: "price_eu_2", requests: 4 },
    ]);
    const [whole] = await query();
    expect(both.reduce((sum, row) => sum + row.requests, 0)).toBe(whole?.requests);
    expect(both.reduce((sum, row) => sum + Number(row.charge), 0)).toBeCloseTo(Number(whole?.charge), 12);
  });

  test("in two currencies is two rows: amounts in different currencies are never added", async () => {
    await aRollup({});
    await aRollup({ price: "price_eu_3" });
    expect((await query()).map(({ currency, charge }) => ({ currency, charge }))).toEqual([
      { currency: "USD", charge: "0.00002" },
      { currency: "EUR", charge: "0.000015" },
    ]);
  });

  test("is of the minutes from the first up to, and without, the last", async () => {
    for (const minute of [START - MINUTE, START, START + MINUTE, START + 2 * MINUTE]) await aRollup({ minute });
    expect(await query({ from: START, to: START + 2 * MINUTE })).toMatchObject([{ requests: 2 }]);
  });

  test("comes in windows of UTC, oldest first", async () => {
    for (const minute of [START + DAY - MINUTE, START + DAY, START + 2 * DAY - MINUTE]) await aRollup({ minute });
    expect(await query({ window: "day" })).toMatchObject([
      { window_start: "2026-11-01T00:00:00.000Z", requests: 1 },
      { window_start: "2026-11-02T00:00:00.000Z", requests: 2 },
    ]);
    expect(await query({ window: "minute" })).toHaveLength(3);
    expect(await query({ window: "hour", from: START + DAY, to: START + DAY + MINUTE })).toMatchObject([
      { window_start: "2026-11-02T00:00:00.000Z" },
    ]);
  });

  test("of another tenant is not seen", async () => {
    await aRollup({ tenant: "t_other" });
    expect(await query()).toEqual([]);
  });
});
