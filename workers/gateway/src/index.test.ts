import { newId } from "@weir/domain/ids";
import { newKey } from "@weir/domain/keys";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { Env } from "./env.ts";
import gateway from "./index.ts";

/** What was handed to which worker. */
let forwarded: { binding: string; path: string }[] = [];
beforeEach(() => {
  forwarded = [];
});

const key = (cell: "eu" | "us") => newKey(cell, newId("tenant", cell)).key;

describe("a request is handed", () => {
  test.each([
    ["/v1/chat/completions", "INFERENCE"],
    ["/inference/v1/models", "INFERENCE"],
    ["/metering/v1/usage", "METERING"],
    ["/billing/v1/tenants", "BILLING"],
    ["/privacy/v1/residency", "PRIVACY"],
    ["/compliance/v1/proofs/x", "COMPLIANCE"],
    ["/audit/log/checkpoint", "COMPLIANCE"],
  ])("with the path %s to the worker %s of its key's cell, and to no other", async (path, worker) => {
    for (const cell of ["eu", "us"] as const) {
      forwarded = [];
      expect((await ask(path, { key: key(cell) })).status).toBe(200);
      expect(forwarded).toEqual([{ binding: `${cell.toUpperCase()}_${worker}`, path }]);
    }
  });

  test("unread, as it came", async () => {
    const init = { method: "POST", headers: { authorization: `Bearer ${key("eu")}` }, body: "{" };
    const request = new Request<unknown, IncomingRequestCfProperties>("https://example.com/v1/chat/completions", init);
    const received = vi.fn<(request: Request) => void>();
    await gateway.fetch(request, anEnv({ EU_INFERENCE: aFetcher("EU_INFERENCE", received) }));
    expect(received).toHaveBeenCalledWith(request);
    expect(request.bodyUsed).toBe(false);
  });

  test.each(["/", "/console/", "/console/app.js"])("to the console's files for %s", async (path) => {
    await ask(path, {});
    expect(forwarded).toEqual([{ binding: "ASSETS", path }]);
  });
});

describe("nothing is forwarded", () => {
  test("of a key of one cell on the host of another: 421", async () => {
    const answer = await ask("/v1/chat/completions", { key: key("us"), host: "eu.example.com" });
    expect(answer.status).toBe(421);
    expect(await answer.json()).toMatchObject({ error: { code: "cell_mismatch" } });
    expect((await ask("/billing/v1/tenants", { key: key("us"), host: "eu.example.com" })).status).toBe(421);
    expect(forwarded).toEqual([]);
  });

  test("when nothing names a cell: 400", async () => {
    const answer = await ask("/billing/v1/tenants", {});
    expect(answer.status).toBe(400);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(await answer.json()).toMatchObject({ code: "cell_unknown" });
    expect(forwarded).toEqual([]);
  });

  test.each([
    "/nothing",
    "/consolex",
    "/billing",
    "/billing/v2/tenants",
    "/gateway/v1/x",
    "/constructor/v1/x",
    "/__proto__/v1/x",
    "//v1/models",
  ])("of a path that no worker owns: %s", async (path) => {
    expect((await ask(path, { key: key("eu") })).status).toBe(404);
    expect(forwarded).toEqual([]);
  });
});

describe("a worker that fails", () => {
  const broken = aFetcher("EU_BILLING", () => {
    throw new Error("wk_secret in a stack");
  });

  test("is answered for without its words, and logged with them", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const answer = await ask("/billing/v1/tenants", { key: key("eu"), env: { EU_BILLING: broken } });
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain("wk_secret");
    expect(log).toHaveBeenCalledOnce();
    log.mockRestore();
  });

  test("makes the deployment not ready, and that is all that is said", async () => {
    const answer = await ask("/health", { env: { EU_BILLING: broken } });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toEqual({ status: "unavailable" });
  });

  test("leaves no half of a document", async () => {
    const closed = aFetcher("EU_BILLING", () => undefined, 503);
    const answer = await ask("/openapi.json", { env: { EU_BILLING: closed } });
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ code: "unavailable" });
  });
});

test("all workers of all cells that answer are ready", async () => {
  const answer = await ask("/health", {});
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ status: "ok" });
  expect(forwarded).toHaveLength(10);
});

interface Asking {
  key?: string;
  host?: string;
  env?: Partial<Env>;
}

function ask(path: string, { key, host = "example.com", env = {} }: Asking): Promise<Response> {
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  return gateway.fetch(new Request(`https://${host}${path}`, { headers }), anEnv(env));
}

function anEnv(overrides: Partial<Env>): Env {
  return {
    ENVIRONMENT: "local",
    CELL_HOSTS: "eu.example.com=eu,us.example.com=us",
    ASSETS: aFetcher("ASSETS"),
    EU_INFERENCE: aFetcher("EU_INFERENCE"),
    EU_METERING: aFetcher("EU_METERING"),
    EU_BILLING: aFetcher("EU_BILLING"),
    EU_PRIVACY: aFetcher("EU_PRIVACY"),
    EU_COMPLIANCE: aFetcher("EU_COMPLIANCE"),
    US_INFERENCE: aFetcher("US_INFERENCE"),
    US_METERING: aFetcher("US_METERING"),
    US_BILLING: aFetcher("US_BILLING"),
    US_PRIVACY: aFetcher("US_PRIVACY"),
    US_COMPLIANCE: aFetcher("US_COMPLIANCE"),
    ...overrides,
  };
}

/** Stands in for a worker: writes down what it is handed. */
function aFetcher(binding: string, received: (request: Request) => void = () => undefined, status = 200): Fetcher {
  const fetcher = {
    fetch: async (input: Request | string) => {
      const request = input instanceof Request ? input : new Request(input);
      forwarded.push({ binding, path: new URL(request.url).pathname });
      received(request);
      return Response.json({}, { status });
    },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one member that is used
  return fetcher as unknown as Fetcher;
}
