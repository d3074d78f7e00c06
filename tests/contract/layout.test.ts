import { describe, expect, test } from "vitest";
import { bareFetches, EGRESS_MODULE, impurities } from "../../scripts/forbidden-globals.ts";
import { wrongImports } from "../../scripts/import-direction.ts";
import { printFinding, workspaceSources } from "../../scripts/source-files.ts";

const BILLING = "workers/billing/src/invoices.ts";
const RULES = "packages/domain/src/billing/rating.ts";

const sources = await workspaceSources();

describe("the code of this repository", () => {
  test("imports one way: workers → http, events, db → domain", () => {
    expect(wrongImports(sources).map(printFinding)).toEqual([]);
  });

  test("keeps I/O, clocks and the platform out of packages/domain", () => {
    expect(impurities(sources).map(printFinding)).toEqual([]);
  });

  test("reaches the network in one module only", () => {
    expect(bareFetches(sources).map(printFinding)).toEqual([]);
  });
});

describe("an import is refused", () => {
  test.each([
    ["of another worker by path", BILLING, `import { Gate } from "../../inference/src/gate.ts";`],
    ["of another worker by name", BILLING, `import type { Gate } from "@weir/inference-worker/gate";`],
    ["of the command line by a worker", BILLING, `import { ROOT } from "@weir/cli/stack";`],
    ["of the database by the domain", RULES, `import { invoice } from "@weir/db/schema/billing";`],
    ["of the platform by the domain", RULES, `import { DurableObject } from "cloudflare:workers";`],
    ["of Node by the domain", RULES, `import { readFile } from "node:fs/promises";`],
    ["of a type of the platform by the domain", RULES, `export type Store = import("@cloudflare/workers-types").KVNamespace;`],
    ["of events by the database", "packages/db/src/schema/billing.ts", `export { usageMetered } from "@weir/events/usage-metered";`],
    ["of http by the models", "packages/model/src/chat.ts", `const { egress } = await import("@weir/http/egress");`],
  ])("%s", (_, path, text) => {
    expect(wrongImports([{ path, text }])).toHaveLength(1);
  });
});

describe("an import is allowed", () => {
  test.each([
    ["of the domain by a worker", BILLING, `import { rate } from "@weir/domain/billing/rating";`],
    ["of a neighbour", BILLING, `import { wallet } from "./wallet.ts";`],
    ["of events by http", "packages/http/src/app.ts", `import type { InboxBindings } from "@weir/events/workers";`],
    ["of anything by a test", "workers/billing/src/invoices.test.ts", `import { bootStack } from "@weir/cli/stack";`],
    ["that is only text", RULES, `export const example = 'import { x } from "node:fs"'; // import "cloudflare:workers"`],
  ])("%s", (_, path, text) => {
    expect(wrongImports([{ path, text }])).toEqual([]);
  });
});

describe("the domain may not use", () => {
  test.each([
    ["the clock", "export const now = () => Date.now();"],
    ["a date of now", "export const today = () => new Date();"],
    ["a date as text of now", "export const today = () => Date();"],
    ["the high-resolution clock", "export const start = performance.now();"],
    ["a timer", "export const later = (work: () => void) => setTimeout(work, 10);"],
    ["chance", "export const dice = () => Math.random();"],
    ["the network", "export const load = () => fetch('https://example.com');"],
    ["the console", "export const log = (text: string) => console.log(text);"],
    ["the process", "export const key = process.env['KEY'];"],
    ["the global object's clock", "export const start = globalThis.performance;"],
    ["types of the platform", "export const read = (db: D1Database) => db.prepare('');"],
  ])("%s", (_, text) => {
    expect(impurities([{ path: RULES, text }])).toHaveLength(1);
  });

  test.each([
    ["a given moment", "export const day = (now: number) => new Date(now).toISOString();"],
    ["random bytes for keys", "export const id = () => crypto.getRandomValues(new Uint8Array(16));"],
    ["a type of its own with a platform's name", "interface Message { id: string }\nexport const id = (message: Message) => message.id;"],
    ["a property that is called like a global", "export const took = (run: { performance: number }) => run.performance;"],
  ])("but may use %s", (_, text) => {
    expect(impurities([{ path: RULES, text }])).toEqual([]);
  });
});

describe("a bare fetch", () => {
  test.each([
    ["called", "export const load = (url: string) => fetch(url);"],
    ["as a member of the global object", "export const load = (url: string) => globalThis.fetch(url);"],
    ["handed on", "export const client = { fetch };"],
    ["under another name", "const request = fetch;\nexport { request };"],
  ])("%s is refused in a worker", (_, text) => {
    expect(bareFetches([{ path: BILLING, text }])).toHaveLength(1);
  });

  test.each([
    ["of a service binding", "export const ask = (env: Env, request: Request) => env.BILLING.fetch(request);"],
    ["of a stub", "export const ask = (stub: Fetcher) => stub.fetch('https://gate/');"],
    ["that is a handler", "export default { fetch: app.fetch, async queue() {} };"],
    ["that is a handler's method", "export default { async fetch(request: Request) { return new Response(request.url); } };"],
    ["that was passed in", "export const load = (fetch: typeof globalThis.fetch) => fetch('https://example.com');"],
  ])("%s is allowed", (_, text) => {
    expect(bareFetches([{ path: BILLING, text }])).toEqual([]);
  });

  test("is allowed in the egress module alone", () => {
    const text = "export const egress = (url: URL) => fetch(url);";
    expect(bareFetches([{ path: EGRESS_MODULE, text }])).toEqual([]);
    expect(bareFetches([{ path: "packages/http/src/webhook.ts", text }])).toHaveLength(1);
  });
});
