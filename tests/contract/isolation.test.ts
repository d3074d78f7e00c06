import { OPERATOR, newKey } from "@weir/domain/keys";
import { newId, randomPart } from "@weir/domain/ids";
import { SCOPES } from "@weir/domain/scopes";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aTenant, call, type Answer, type TestTenant } from "../support/client.ts";
import { aPopulatedTenant, BODIES, RESOURCES, storeKey, type Populated } from "../support/fixtures.ts";
import { apiDocument, operationsOf, type Operation } from "../support/operations.ts";
import { bootTestStack } from "../support/stack.ts";

/** All that may be called without a key. */
const KEYLESS = ["GET /health", "GET /openapi.json", "GET /privacy/v1/receipt-keys"];

/** What a tenant names itself: another tenant may use the same name for a thing of its own, and finds nothing of the first's. */
const NAMED_BY_TENANT = new Set(["model", "purpose", "subject", "notice"]);

const JUDGED_BY_GATE = new Set(["POST /v1/chat/completions", "POST /v1/embeddings"]);

const NOT_A_KEY = { status: 401, code: "invalid_api_key" };
const LACKS_SCOPE = { status: 403, code: "insufficient_scope" };
const OTHER_CELL = { status: 421, code: "cell_mismatch" };

/** A host name of the European cell, so that a request without a key reaches a cell. */
const EU_HOST = "http://eu.weir.test";

const stack = await bootTestStack({ vars: { CELL_HOSTS: "eu.weir.test=eu,us.weir.test=us" } });
afterAll(() => stack.stop());

const operations = operationsOf(await apiDocument(stack));
const guarded = operations.filter((operation) => !operation.keyless);
const a = await aPopulatedTenant(stack);
const b = await otherTenant("eu");
const us = await otherTenant("us");
const keyOfScope = new Map<string, string>();
for (const scope of SCOPES) keyOfScope.set(scope, scope === OPERATOR ? stack.operatorKeys.eu : await storeKey(stack, a, [scope]));
// Tells the tenant's Gate to read the keys anew.
await call(stack, "POST", `/billing/v1/tenants/${a.id}/keys`, { key: a.key, body: { name: "The last", scopes: ["usage:read"] } });

describe("the matrix", () => {
  test("knows what every path parameter names, and has one of it", () => {
    const missing = operations.flatMap(({ name, pathParameters }) =>
      pathParameters.flatMap((parameter) => {
        const resource = parameter.schema["x-weir-resource"];
        if (resource === undefined) return `${name}: declare {${parameter.name}} with pathId("<resource>", …) of @weir/http/openapi`;
        return resource in RESOURCES ? [] : `${name}: add a real "${resource}" of a tenant to RESOURCES in tests/support/fixtures.ts`;
      }),
    );
    expect(missing).toEqual([]);
  });

  test("has a body for every operation that takes one", () => {
    const missing = operations.flatMap(({ name, body }) =>
      body === undefined || name in BODIES ? [] : `${name}: add a body that succeeds to BODIES in tests/support/fixtures.ts`,
    );
    expect(missing).toEqual([]);
  });

  test("has no body for an operation that is gone", () => {
    expect(Object.keys(BODIES).filter((name) => !operations.some((operation) => operation.name === name))).toEqual([]);
  });

  test("knows which operations need no key", () => {
    expect(
      operations
        .filter(({ keyless }) => keyless)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(KEYLESS.toSorted());
  });
});

test.each(operations.filter(({ keyless }) => keyless))("$name answers without a key", async (operation) => {
  expect((await send(operation, operation.path, { host: EU_HOST })).status).toBe(200);
});

describe.each(guarded)("$name", (operation) => {
  let own: Target;
  beforeAll(async () => {
    own = await targetOf(operation);
  });

  test("refuses a call without a key", async () => {
    expect(refusal(await send(operation, own.path, { host: EU_HOST }))).toEqual(NOT_A_KEY);
  });

  test.each(garbage())("refuses %s", async (_, authorization) => {
    const answer = await send(operation, own.path, { host: EU_HOST, authorization });
    expect(refusal(answer)).toEqual(NOT_A_KEY);
    expect(JSON.stringify(answer.body)).not.toContain(authorization.split("_").at(-1));
  });

  test("refuses each key that lacks its scope", async () => {
    for (const scope of SCOPES.filter((known) => !operation.scopes.includes(known))) {
      const answer = await send(operation, own.path, bearer(keyOfScope.get(scope) ?? ""));
      // Where the Gate judges the key, the operator has none: it is nobody's tenant.
      const isUnknownToGate = scope === OPERATOR && JUDGED_BY_GATE.has(operation.name);
      expect(refusal(answer), scope).toEqual(isUnknownToGate ? NOT_A_KEY : LACKS_SCOPE);
    }
  });

  test("refuses another cell's key on this cell's host, and forwards nothing", async () => {
    expect(refusal(await send(operation, own.path, { host: EU_HOST, ...bearer(us.fullKey) }))).toEqual(OTHER_CELL);
  });
});

describe.each(guarded.filter(({ pathParameters }) => pathParameters.length > 0))(
  "$name answers, as if the thing did not exist,",
  (operation) => {
    test.each([
      ["another tenant's key", b],
      ["another cell's key", us],
    ])("%s", async (_, stranger) => {
      const own = await targetOf(operation);
      const answer = await send(operation, own.path, bearer(stranger.fullKey));
      const absent = await send(operation, own.absentPath, bearer(stranger.fullKey));
      expect(comparable(answer, own.ids)).toEqual(comparable(absent, own.absentIds));
      expect(own.namedByTenant ? [200, 202, 403, 404] : [403, 404]).toContain(answer.status);
      const secrets = [a.key, a.fullKey, a.id, a.notice].filter((text) => !own.path.includes(text));
      expect(secrets.filter((secret) => JSON.stringify(answer.body).includes(secret))).toEqual([]);
    });
  },
);

describe("the operator's key", () => {
  test.each(["balance", "keys", "invoices/preview"])("does not read a tenant's %s", async (what) => {
    const answer = await call(stack, "GET", `/billing/v1/tenants/${a.id}/${what}`, { key: stack.operatorKeys.eu });
    expect(refusal(answer)).toEqual(LACKS_SCOPE);
  });

  test("does not reach into the other cell", async () => {
    const options = { method: "POST", headers: { authorization: `Bearer ${stack.operatorKeys.eu}` } };
    const answer = await stack.fetch("http://us.weir.test/billing/v1/tenants", options);
    expect(answer.status).toBe(421);
  });
});

// Last, and what deletes after all else: the refusals above were refusals of something that is really there.
describe("a tenant's own key with the scope is served by", () => {
  test.each(guarded.toSorted((x, y) => Number(x.method === "DELETE") - Number(y.method === "DELETE")))("$name", async (operation) => {
    const { path } = await targetOf(operation);
    const key = operation.scopes.every((scope) => scope === OPERATOR) ? stack.operatorKeys.eu : a.fullKey;
    const answer = await send(operation, path, bearer(key));
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
  });
});

interface Target {
  path: string;
  ids: string[];
  /** The same with ids of the same form that nobody has. */
  absentPath: string;
  absentIds: string[];
  namedByTenant: boolean;
}

/** An operation's path with the ids of things that tenant A really has. */
async function targetOf(operation: Operation): Promise<Target> {
  const target: Target = { path: operation.path, ids: [], absentPath: operation.path, absentIds: [], namedByTenant: false };
  for (const { name, schema } of operation.pathParameters) {
    const resource = schema["x-weir-resource"] ?? "";
    const id = (await RESOURCES[resource]?.(stack, a)) ?? "";
    const absent = absentLike(id);
    target.path = target.path.replace(`{${name}}`, id);
    target.absentPath = target.absentPath.replace(`{${name}}`, absent);
    target.ids.push(id);
    target.absentIds.push(absent);
    target.namedByTenant ||= NAMED_BY_TENANT.has(resource);
  }
  return target;
}

function absentLike(id: string): string {
  if (/_[0-9a-z]{26}/.test(id)) return id.replace(/[0-9a-z]{26}/, randomPart());
  if (/^[0-9a-f]{64}$/.test(id)) return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex");
  return `absent_${randomPart()}`;
}

interface Sending {
  /** Origin; absent: the gateway's own address, which belongs to no cell. */
  host?: string;
  authorization?: string;
}

function bearer(key: string): Sending {
  return { authorization: `Bearer ${key}` };
}

async function send(operation: Operation, path: string, { host = stack.url, authorization }: Sending): Promise<Answer> {
  const headers = new Headers(operation.body === undefined ? {} : { "content-type": "application/json" });
  if (authorization !== undefined) headers.set("authorization", authorization);
  if (operation.parameters?.some(({ name }) => name === "idempotency-key")) headers.set("idempotency-key", randomPart());
  const body = operation.body === undefined ? undefined : JSON.stringify(BODIES[operation.name]?.(a));
  const response = await stack.fetch(host + path, {
    method: operation.method,
    headers: [...headers],
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("json") === true;
  return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: new Headers([...response.headers]) };
}

/** What two answers are compared by: all but the ids that were sent, and what differs from one moment to the next. */
function comparable({ status, body }: Answer, sent: string[]): { status: number; body: string } {
  let text = JSON.stringify(body);
  for (const id of sent) text = text.replaceAll(id, "<sent>");
  text = text.replace(/"urn:weir:request:\w+"/, '"<request>"').replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>");
  return { status, body: text.replace(/"version":\d+/g, '"version":"<version>"') };
}

function refusal({ status, body }: Answer): { status: number; code: unknown } {
  return { status, code: body.code ?? body.error?.code };
}

function garbage(): [string, string][] {
  const unknown = (cell: "eu" | "us", tenant: string) => `Bearer ${newKey(cell, tenant).key}`;
  return [
    ["a word that is no key", "Bearer garbage"],
    ["a key that is cut short", `Bearer ${a.key.slice(0, -1)}`],
    ["a key of the tenant that was never made", unknown("eu", a.id)],
    ["a key of a tenant that was never made", unknown("eu", newId("tenant", "eu"))],
    ["an operator's key that was never made", unknown("eu", OPERATOR)],
    ["another scheme", `Basic ${btoa(`user:${a.key}`)}`],
  ];
}

async function otherTenant(cell: "eu" | "us"): Promise<TestTenant & Pick<Populated, "fullKey">> {
  const tenant = await aTenant(stack, { cell });
  return { ...tenant, fullKey: await storeKey(stack, tenant, ["*", "evidence:claims"]) };
}
