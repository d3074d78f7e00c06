import { createRoute, z } from "@hono/zod-openapi";
import { describe, expect, test, vi } from "vitest";
import { newApp } from "./app.ts";
import type { CellEnv } from "./cell-env.ts";
import { jsonBody } from "./openapi.ts";

type Settings = Pick<CellEnv, "CELL" | "ENVIRONMENT" | "CELL_KEY" | "OPERATOR_KEY_HASH" | "EGRESS_ALLOW">;
const LOCAL: Settings = { CELL: "eu", ENVIRONMENT: "local", CELL_KEY: "key", OPERATOR_KEY_HASH: "hash" };

const app = newApp({ errors: "problem", maxBodyBytes: 100 });
app.openapi(
  createRoute({
    method: "put",
    path: "/thing",
    request: jsonBody(z.strictObject({ size: z.number().optional() })),
    responses: { 200: { description: "The thing" } },
  }),
  (c) => c.json(c.req.valid("json")),
);
app.get("/broken/:person", () => {
  throw new Error("SELECT secret");
});

const put = (body: BodyInit, headers: Record<string, string> = { "content-type": "application/json" }, env = LOCAL) =>
  app.request("/thing", { method: "PUT", body, headers }, env);

describe("a body", () => {
  test.each(["application/json", "Application/JSON", "application/json; charset=utf-8", "application/merge-patch+json"])(
    "sent as %s is read, not taken for an empty one",
    async (type) => {
      expect(await (await put('{"size":1}', { "content-type": type })).json()).toEqual({ size: 1 });
    },
  );

  test.each([
    "text/json",
    "application/jsonx",
    "application/a+b+json",
    "application/json ; charset=utf-8",
    "application/xml",
    "text/plain;application/json",
    "",
  ])("sent as %j is refused", async (type) => {
    expect((await put('{"size":1}', { "content-type": type })).status).toBe(415);
  });

  test("over the limit is refused, whether its length was announced or not", async () => {
    const long = JSON.stringify({ size: 1, padding: "x".repeat(100) });
    expect((await put(long, { "content-type": "application/json", "content-length": String(long.length) })).status).toBe(413);
    const stream = new Blob([long]).stream();
    const request = new Request("http://cell.invalid/thing", {
      method: "PUT",
      body: stream,
      headers: { "content-type": "application/json" },
      duplex: "half",
    } as RequestInit);
    expect((await app.request(request, undefined, LOCAL)).status).toBe(413);
  });

  test("names each unknown field", async () => {
    const answer = await put('{"size":"x","more":1}');
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      code: "invalid_request",
      errors: [{ field: "size" }, { field: "more" }],
    });
  });
});

describe("every answer", () => {
  test("has an id of its own that names the cell", async () => {
    const ids = await Promise.all([put("{}"), put("nope"), put("{}")].map(async (answer) => (await answer).headers.get("x-request-id")));
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^req_eu_[0-9a-z]{26}$/);
  });

  test.each([
    ["abc-DEF_1", "abc-DEF_1"],
    ["a".repeat(64), "a".repeat(64)],
    ["a".repeat(65), null],
    ["a b", null],
    ["<script>", null],
  ])("repeats the client's request id %j only where it is harmless", async (sent, repeated) => {
    const answer = await put("{}", { "content-type": "application/json", "x-client-request-id": sent });
    expect(answer.headers.get("x-client-request-id")).toBe(repeated);
  });

  test("to a bug says nothing of it; the log has its cause and the route's template, not the path", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const answer = await app.request("/broken/person-1", {}, LOCAL);
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain("SELECT");
    const line = String(logged.mock.calls[0]?.[0]);
    logged.mockRestore();
    expect(JSON.parse(line)).toMatchObject({ level: "error", route: "/broken/:person", cause: expect.stringContaining("SELECT secret") });
    expect(line).not.toContain("person-1");
  });
});

describe("a cell in production", () => {
  const ready: Settings = { ...LOCAL, ENVIRONMENT: "production" };

  test("serves when its secrets are there", async () => {
    expect((await put("{}", undefined, ready)).status).toBe(200);
  });

  test.each([
    ["without the cell's key", { ...ready, CELL_KEY: "" }],
    ["without the operator's hash", { ...ready, OPERATOR_KEY_HASH: "" }],
    ["with a local way out", { ...ready, EGRESS_ALLOW: "http://127.0.0.1:9000" }],
  ])("serves nothing %s", async (_, env) => {
    expect((await put("{}", undefined, env)).status).toBe(503);
  });
});
