import { inputBoundTokens } from "@weir/domain/inference/worst-case";
import { afterAll, beforeAll, expect, test } from "vitest";
import { aGrant, aModel, aTenant, call, type Answer, type TestTenant, until } from "../support/client.ts";
import { bootTestStack, type TestStack } from "../support/stack.ts";
import { answers, startUpstream, type Upstream, worstCaseUsage } from "../support/upstream.ts";

const MESSAGES = [{ role: "user", content: "How much water passes?" }];
const MAX_TOKENS = 8;
// 1 for a million tokens in, 2 for a million out: integers of 10^-6.
const WORST_CASE_MICROS = inputBoundTokens([MESSAGES[0]?.content ?? ""], 1) + 2 * MAX_TOKENS;

let stack: TestStack;
let upstream: Upstream;

beforeAll(async () => {
  upstream = await startUpstream();
  stack = await bootTestStack({ vars: { EGRESS_ALLOW: upstream.origin } });
});

afterAll(async () => {
  await stack.stop();
  await upstream.stop();
});

async function aTenantWith(credit: string | null): Promise<TestTenant> {
  const tenant = await aTenant(stack, { credit });
  await aModel(stack, tenant, "remote", { provider: "openai-compatible", base_url: upstream.url, upstream_model: "tiny", region: "fr" });
  return tenant;
}

function ask({ key }: TestTenant): Promise<Answer> {
  return call(stack, "POST", "/v1/chat/completions", { key, body: { model: "remote", messages: MESSAGES, max_tokens: MAX_TOKENS } });
}

interface Wallet {
  available: number;
  held: number;
  spent: number;
}

/** Integers of 10^-9, as the ledger has them. */
async function walletOf({ id }: TestTenant): Promise<Wallet> {
  const db = await stack.database("eu");
  const wallet = await db.prepare("SELECT available, held, spent FROM wallet WHERE tenant = ?").bind(id).first<Wallet>();
  if (!wallet) throw new Error(`No wallet of ${id}`);
  return wallet;
}

const nanos = (micros: number) => micros * 1000;
const decimal = (micros: number) => (micros / 1e6).toFixed(6);
const isIdle = ({ held }: Wallet) => held === 0;

test("credit for exactly 100 of 200 parallel calls serves exactly 100, and the ledger agrees to the last digit", async () => {
  const tenant = await aTenantWith(decimal(100 * WORST_CASE_MICROS));
  upstream.usually(answers({ usage: worstCaseUsage }));
  const before = upstream.requests.length;
  const samples: Wallet[] = [];
  const done = new AbortController();
  const sampling = (async () => {
    while (!done.signal.aborted) samples.push(await walletOf(tenant));
  })();

  const responses = await Promise.all(Array.from({ length: 200 }, () => ask(tenant)));
  const settled = await until(() => walletOf(tenant), isIdle);
  done.abort();
  await sampling;

  const statuses = responses.map(({ status }) => status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(100);
  expect(statuses.filter((status) => status === 402 || status === 429)).toHaveLength(100);
  expect(upstream.requests.length - before).toBe(100);
  expect(settled).toEqual({ available: 0, held: 0, spent: nanos(100 * WORST_CASE_MICROS) });
  for (const { available, held, spent } of samples) {
    expect(Math.min(available, held, spent)).toBeGreaterThanOrEqual(0);
    expect(available + held + spent).toBe(nanos(100 * WORST_CASE_MICROS));
  }
  // Nothing is left: not even a wait helps.
  expect((await ask(tenant)).status).toBe(402);
  const entries = await (
    await stack.database("eu")
  )
    .prepare(
      `SELECT account, SUM(e.amount) AS amount FROM ledger_entry e JOIN ledger_transaction t ON t.id = e."transaction" WHERE t.tenant = ?
       GROUP BY account ORDER BY account`,
    )
    .bind(tenant.id)
    .all<{ account: string; amount: number }>();
  expect(Object.fromEntries(entries.results.map(({ account, amount }) => [account, amount]))).toEqual({
    grants_issued: -nanos(100 * WORST_CASE_MICROS),
    revenue: nanos(100 * WORST_CASE_MICROS),
    wallet_available: 0,
    wallet_held: 0,
  });
});

test("requests that use less than the worst case are charged what they used, and the rest returns once nothing is in flight", async () => {
  const tenant = await aTenantWith("1");
  upstream.usually(answers({ usage: { prompt_tokens: 3, completion_tokens: 1 } }));
  const responses = await Promise.all(Array.from({ length: 50 }, () => ask(tenant)));
  expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
  const spent = nanos(50 * (3 + 2 * 1));
  expect(await until(() => walletOf(tenant), isIdle)).toEqual({ available: nanos(1e6) - spent, held: 0, spent });
});

test("credit for one request at a time serves one after the other: what comes back is used again", async () => {
  const tenant = await aTenantWith(decimal(WORST_CASE_MICROS + 20));
  upstream.usually(answers({ usage: { prompt_tokens: 0, completion_tokens: 1 } }));
  for (let index = 0; index < 10; index++) expect((await ask(tenant)).status).toBe(200);
  expect(await until(() => walletOf(tenant), isIdle)).toEqual({ available: nanos(WORST_CASE_MICROS), held: 0, spent: nanos(20) });
});

test("a model that is priced in another currency than the wallet is refused, even while credit is set aside", async () => {
  const tenant = await aTenantWith(null);
  const price = { currency: "EUR", per: 1_000_000, input: "1", output: "2" };
  const european = { provider: "openai-compatible", base_url: upstream.url, price, region: "fr" };
  await aModel(stack, tenant, "european", european);
  await aGrant(stack, tenant, "1");
  // Once there is a wallet, such a deployment is refused where it is made.
  await expect(aModel(stack, tenant, "late", european)).rejects.toThrow("price.currency");
  upstream.usually(answers());
  expect((await ask(tenant)).status).toBe(200);
  const before = upstream.requests.length;
  const refused = await call(stack, "POST", "/v1/chat/completions", { key: tenant.key, body: { model: "european", messages: MESSAGES } });
  expect(refused).toMatchObject({ status: 402, body: { error: { code: "insufficient_quota", message: expect.stringContaining("EUR") } } });
  expect(upstream.requests).toHaveLength(before);
});

test("under load a request writes at most a fifth of a row to the shared database, indexes included", async () => {
  const tenant = await aTenantWith("1000");
  upstream.usually(answers({ usage: { prompt_tokens: 40, completion_tokens: 8 } }));
  const db = await stack.database("eu");
  // What was done until here must be told and forgotten, or it would be counted.
  const untold = async () => {
    await stack.sweep();
    return db.prepare("SELECT COUNT(*) AS events FROM outbox").first<number>("events");
  };
  await until(untold, (events) => events === 0);
  const rowsWritten = await countWrites(db);
  const [requests, perSecond] = [1_000, 100];
  const running: Promise<Answer>[] = [];
  for (const start = Date.now(); running.length < requests; await new Promise((resolve) => setTimeout(resolve, 10))) {
    const due = Math.min(requests, ((Date.now() - start) * perSecond) / 1000);
    while (running.length < due) running.push(ask(tenant));
  }
  expect(new Set((await Promise.all(running)).map(({ status }) => status))).toEqual(new Set([200]));
  expect(await until(() => walletOf(tenant), isIdle)).toMatchObject({ spent: nanos(requests * (40 + 2 * 8)) });
  // The sweep deletes what every reader has recorded, and deleting is writing.
  await until(untold, (events) => events === 0);
  const written = await rowsWritten();
  const perRequest = Object.values(written).reduce((sum, rows) => sum + rows, 0) / requests;
  console.log(`${requests} requests at ${perSecond}/s: ${perRequest.toFixed(3)} rows written for a request`, written);
  expect(perRequest).toBeLessThanOrEqual(0.2);
});

/** Counts rows as D1 bills them, by table: a row that is inserted or deleted once more for each index that it is in. */
async function countWrites(db: D1Database): Promise<() => Promise<Record<string, number>>> {
  const { results: tables } = await db
    .prepare(
      `SELECT t.name, (SELECT COUNT(*) FROM pragma_index_list(t.name)) AS indexes, (SELECT COUNT(*) FROM pragma_index_list(t.name) WHERE origin = 'c') AS secondary
       FROM sqlite_schema t WHERE t.type = 'table' AND t.name NOT GLOB 'sqlite_*' AND t.name NOT GLOB '_cf_*'`,
    )
    .all<{ name: string; indexes: number; secondary: number }>();
  await db.prepare("CREATE TABLE written (name TEXT PRIMARY KEY, rows INTEGER NOT NULL) WITHOUT ROWID").run();
  for (const { name, indexes, secondary } of tables) {
    // No primary key is ever updated.
    for (const [event, rows] of [
      ["INSERT", 1 + indexes],
      ["UPDATE", 1 + secondary],
      ["DELETE", 1 + indexes],
    ] as const) {
      const count = `INSERT INTO written VALUES ('${name}', ${rows}) ON CONFLICT DO UPDATE SET rows = rows + ${rows}`;
      await db.prepare(`CREATE TRIGGER "${name}_${event}" AFTER ${event} ON "${name}" BEGIN ${count}; END`).run();
    }
  }
  return async () => {
    const { results } = await db.prepare("SELECT name, rows FROM written ORDER BY rows DESC").all<{ name: string; rows: number }>();
    return Object.fromEntries(results.map(({ name, rows }) => [name, rows]));
  };
}
