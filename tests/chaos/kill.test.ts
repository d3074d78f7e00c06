import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { aModel, aTenant, call, until, type TestTenant } from "../support/client.ts";
import { portOf } from "../support/port.ts";
import { newSecrets } from "../support/stack.ts";

const KILLS = 20;
const GRANT = "1";
// Of each answer: 10 tokens at 1 USD and 5 at 2 USD a million, in 10^-6 of a USD.
const CHARGE_MICROS = 20;

const seed = Number(process.env["WEIR_SEED"] ?? Math.floor(Date.now() % 1_000_000));
const folder = mkdtempSync(join(tmpdir(), "weir-kill-"));
const keys = await newSecrets();
let upstream: Server;
let port = 0;
let child: ChildProcess | undefined;

beforeAll(async () => {
  upstream = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      setTimeout(() => {
        const chunk = (body: object) => response.write(`data: ${JSON.stringify(body)}\n\n`);
        response.writeHead(200, { "content-type": "text/event-stream" });
        chunk({ choices: [{ index: 0, delta: { content: "ok" }, finish_reason: "stop" }] });
        chunk({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } });
        response.end("data: [DONE]\n\n");
      }, 20);
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  port = await freePort();
  writeFileSync(join(folder, "secrets.json"), JSON.stringify(keys.secrets), { mode: 0o600 });
});

afterAll(async () => {
  kill();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

test("whatever dies and when, what was delivered is billed once or listed as unaccounted", { timeout: 300_000 }, async () => {
  console.log(`kill test: seed ${seed} (repeat with WEIR_SEED=${seed})`);
  const random = randomOf(seed);
  const stack = { url: `http://127.0.0.1:${port}`, ...keys };
  await boot();
  const tenant = await aTenant(stack, { credit: GRANT });
  await aModel(stack, tenant, "mock", { provider: "openai-compatible", base_url: `${origin()}/v1`, max_output_tokens: 16 });

  const delivered = new Set<string>();
  for (let round = 0; round < KILLS; round++) {
    if (round > 0) await boot();
    const load = Promise.all(Array.from({ length: 6 }, () => callUntilKilled(stack.url, tenant, delivered)));
    await sleep(50 + random() * 700);
    kill();
    await load;
  }
  await boot();

  const usage = async (): Promise<number> =>
    (await call(stack, "GET", "/metering/v1/usage", { key: tenant.key })).body.items?.[0]?.requests ?? 0;
  const balance = async () => (await call(stack, "GET", `/billing/v1/tenants/${tenant.id}/balance`, { key: tenant.key })).body;
  const holds = async (): Promise<string[]> => {
    const answer = await call(stack, "GET", "/inference/v1/holds?limit=1000", { key: tenant.key });
    return answer.body.items.map((hold: { request: string }) => hold.request);
  };
  const isMetered = async (request: string) =>
    (await call(stack, "GET", `/metering/v1/requests/${request}`, { key: tenant.key })).status === 200;

  const unaccounted = new Set(await holds());
  // Every delivered answer that nobody lists as unaccounted reaches the Meter …
  const expected = [...delivered].filter((request) => !unaccounted.has(request));
  for (const request of expected) await until(() => isMetered(request), Boolean, 30_000);
  // … and then the ledger, at exactly the sum of what was metered.
  const settled = await until(
    async () => ({ requests: await usage(), spent: (await balance()).spent }),
    ({ requests, spent }) => requests >= expected.length && micros(spent) === requests * CHARGE_MICROS,
    60_000,
  );
  const billedToo = (await Promise.all([...unaccounted].map(isMetered))).filter(Boolean);
  console.log(`kill test: ${delivered.size} delivered, ${settled.requests} billed, ${unaccounted.size} listed as unaccounted`);

  expect(delivered.size).toBeGreaterThan(KILLS);
  expect(billedToo).toEqual([]);
  expect([...delivered].filter((request) => unaccounted.has(request)).length).toBe(delivered.size - expected.length);
  const { available, held, spent } = await balance();
  expect(micros(available) + micros(held) + micros(spent)).toBe(micros(GRANT));
});

/** Calls one after the other until the stack is gone; notes the requests whose whole answer arrived. */
async function callUntilKilled(url: string, tenant: TestTenant, delivered: Set<string>): Promise<void> {
  for (;;) {
    try {
      const body = { model: "mock", messages: [{ role: "user", content: "hello" }] };
      const answer = await call({ url }, "POST", "/v1/chat/completions", { key: tenant.key, body });
      if (answer.status === 200) delivered.add(answer.headers.get("x-request-id") ?? "");
      else await sleep(20);
    } catch {
      return;
    }
  }
}

async function boot(): Promise<void> {
  const script = join(import.meta.dirname, "stack-process.ts");
  // A group of its own, so that workerd dies with it and nothing else does.
  const started = spawn(process.execPath, [script, join(folder, "state"), String(port), join(folder, "secrets.json"), origin()], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  child = started;
  await new Promise<void>((resolve, reject) => {
    started.stdout.on("data", (data: Buffer) => {
      if (data.toString().includes("up")) resolve();
    });
    started.once("exit", (code) => reject(new Error(`The stack ended with code ${code} before it was up`)));
  });
}

function kill(): void {
  if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, "SIGKILL");
  child = undefined;
}

function origin(): string {
  return `http://127.0.0.1:${portOf(upstream)}`;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const port = portOf(probe);
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** A decimal text of at most six places as an integer of 10^-6. */
function micros(decimal: string): number {
  const [whole = "0", fraction = ""] = decimal.split(".");
  return Number(whole) * 1_000_000 + Number(fraction.padEnd(6, "0"));
}

/** mulberry32: small, and the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
