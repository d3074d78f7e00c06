import { afterAll, describe, expect, test } from "vitest";
import { call, type Answer } from "../support/client.ts";
import { aPopulatedTenant, BODIES, MODEL, RESOURCES } from "../support/fixtures.ts";
import { apiDocument, operationsOf, resolve, type Operation, type Schema } from "../support/operations.ts";
import { bootTestStack } from "../support/stack.ts";

const stack = await bootTestStack();
afterAll(() => stack.stop());

const document = await apiDocument(stack);
const operations = operationsOf(document);
const withBody = operations.filter(({ body }) => body !== undefined);
const tenant = await aPopulatedTenant(stack);

/** More than any route outside `/v1` takes, and more than `/v1` takes. */
const TOO_LARGE = { control: 256 * 1024 + 1, v1: 4 * 1024 * 1024 + 1 };

/** Whose bodies a parser of the domain reads, which names fields and codes alike: `422`. */
const READ_BY_DOMAIN = new Set(["PUT /privacy/v1/residency"]);

describe.each(withBody)("$name", (operation) => {
  const isV1 = operation.path.startsWith("/v1/");

  test("names line and column where a body stops being JSON", async () => {
    const answer = await send(operation, '{\n  "a": nope\n}');
    expect(faultOf(operation, answer)).toMatchObject({ status: 400, code: "malformed_json", inItsShape: true });
    expect(isV1 ? answer.body.error : answer.body).toMatchObject({ line: 2, column: 9 });
  });

  test("refuses a body that is not declared as JSON", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp"]) {
      const answer = await send(operation, JSON.stringify(bodyOf(operation)), { "content-type": type });
      expect(faultOf(operation, answer), type).toMatchObject({ status: 415, code: "unsupported_media_type", inItsShape: true });
    }
  });

  test("refuses a body that is too large", async () => {
    const body = JSON.stringify({ ...bodyOf(operation), padding: "x".repeat(isV1 ? TOO_LARGE.v1 : TOO_LARGE.control) });
    expect(faultOf(operation, await send(operation, body))).toMatchObject({ status: 413, code: "payload_too_large", inItsShape: true });
  });

  test("names a field that it does not know", async () => {
    const answer = await send(operation, { ...bodyOf(operation), surely_unknown: 1 });
    const [status, code] = READ_BY_DOMAIN.has(operation.name) ? [422, "unprocessable"] : [400, "invalid_request"];
    expect(faultOf(operation, answer)).toMatchObject({ status, code, inItsShape: true, ...naming("surely_unknown") });
  });

  test.each(["null", "[]", "1", '"text"'])("refuses %s where an object is meant", async (body) => {
    expect(faultOf(operation, await send(operation, body))).toMatchObject({ status: 400, code: "invalid_request", inItsShape: true });
  });

  test.each(fieldsOf(operation))("names the field when %s has the wrong type", async (field, wrong) => {
    const answer = await send(operation, { ...bodyOf(operation), [field]: wrong });
    expect(faultOf(operation, answer)).toMatchObject({ status: 400, code: "invalid_request", inItsShape: true, ...naming(field) });
  });

  test.each(requiredOf(operation))("names %s when it is missing", async (field) => {
    const { [field]: _, ...rest } = bodyOf(operation);
    expect(faultOf(operation, await send(operation, rest))).toMatchObject({ status: 400, code: "invalid_request", ...naming(field) });
  });

  test("takes a field called __proto__ for a field that it does not know, or for nothing", async () => {
    const body = JSON.stringify(bodyOf(operation)).replace("{", '{"__proto__":{"scopes":["operator"],"polluted":true},');
    const answer = await send(operation, body);
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(500);
    expect(JSON.stringify(answer.body)).not.toContain("polluted");
  });
});

describe("a nested field of the wrong type is named by its path:", () => {
  test("a price", async () => {
    const body = { ...BODIES["POST /inference/v1/deployments"]?.(tenant), price: { currency: "USD", per: 1, input: 1, output: "1" } };
    const answer = await call(stack, "POST", "/inference/v1/deployments", { key: tenant.key, body });
    expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request", param: "price.input" } });
  });

  test("a message", async () => {
    const body = { model: MODEL, messages: [{ role: "user", content: "Hi" }, { role: "user" }] };
    const answer = await call(stack, "POST", "/v1/chat/completions", { key: tenant.key, body });
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { code: "invalid_request", param: expect.stringMatching(/^messages\.1/) } },
    });
  });
});

describe("a path that does not exist", () => {
  test.each(["/nothing", "/billing/v1/nothing", "/privacy/v1/nothing", "/audit/nothing", "/metering/v2/usage", "/billing/v1/__proto__"])(
    "%s is a problem document with 404",
    async (path) => {
      const answer = await call(stack, "GET", path, { key: tenant.key });
      expect(answer).toMatchObject({ status: 404, body: { code: "not_found", status: 404 } });
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
    },
  );

  test.each(["/v1", "/v1/", "/v1/nothing", "/v1/chat", "/v1/constructor"])("%s is OpenAI's error with 404", async (path) => {
    const answer = await call(stack, "POST", path, { key: tenant.key, body: {} });
    expect(answer).toMatchObject({ status: 404, body: { error: { code: "not_found", type: "invalid_request_error", param: null } } });
  });

  test("is, without a key, told that nothing names a cell", async () => {
    expect(await call(stack, "GET", "/billing/v1/nothing")).toMatchObject({ status: 400, body: { code: "cell_unknown" } });
    expect(await call(stack, "GET", "/v1/models")).toMatchObject({ status: 400, body: { error: { code: "cell_unknown" } } });
  });
});

describe("a chat completion", () => {
  const chat = (body: object, headers: Record<string, string> = {}) =>
    call(stack, "POST", "/v1/chat/completions", {
      key: tenant.key,
      headers,
      body: { ...BODIES["POST /v1/chat/completions"]?.(tenant), ...body },
    });

  test.each([
    ["temprature", "temperature"],
    ["max_token", "max_tokens"],
    ["message", "messages"],
    ["strem", "stream"],
  ])("with the field %s is told of %s", async (typo, meant) => {
    expect(await chat({ [typo]: 1 })).toMatchObject({
      status: 400,
      body: { error: { code: "invalid_request", param: typo, message: expect.stringContaining(`\`${meant}\``) } },
    });
  });

  test("for a model that does not exist is told of those with nearly its name", async () => {
    expect(await chat({ model: `${MODEL}x` })).toMatchObject({
      status: 404,
      body: { error: { code: "model_not_found", param: "model", message: expect.stringContaining(`"${MODEL}"`) } },
    });
  });

  test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])("for a model called %s finds none", async (model) => {
    expect(await chat({ model })).toMatchObject({ status: 404, body: { error: { code: "model_not_found" } } });
  });

  test.each(["__proto__", "constructor", "toString"])("for a purpose called %s knows none", async (purpose) => {
    expect(await chat({}, { "x-weir-purpose": purpose })).toMatchObject({ status: 422, body: { error: { code: "purpose_unknown" } } });
  });

  test.each(["__proto__", "constructor"])("for a person called %s is served like any other", async (subject) => {
    expect((await chat({}, { "x-weir-subject": subject })).status).toBe(200);
  });
});

describe.each(["__proto__", "constructor", "toString", "%00", "..%2f..%2f", "'", "%F0%9F%92%A5", "x".repeat(300)])("the id %s", (id) => {
  test.each(operations.filter(({ pathParameters }) => pathParameters.length > 0))("does no harm at $name", async (operation) => {
    let path = operation.path;
    for (const { name } of operation.pathParameters) path = path.replace(`{${name}}`, id);
    const body = operation.body === undefined ? undefined : bodyOf(operation);
    const key = operation.scopes.every((scope) => scope === "operator") ? stack.operatorKeys.eu : tenant.fullKey;
    const answer = await call(stack, operation.method, path, {
      key,
      headers: { "idempotency-key": crypto.randomUUID() },
      ...(body ? { body } : {}),
    });
    expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(500);
    // A person may be called so, and a purpose: neither is taken for something that is there already.
    const isRefused = [400, 404, 422].includes(answer.status);
    const isNew = answer.status === 200 && (answer.body.id === id || answer.body.items?.length === 0);
    expect(isRefused || isNew, JSON.stringify(answer.body)).toBe(true);
  });
});

test("a purpose called constructor is a purpose like any other", async () => {
  await call(stack, "PUT", "/privacy/v1/purposes/constructor", { key: tenant.key, body: { basis: "consent" } });
  const body = BODIES["POST /v1/chat/completions"]?.(tenant);
  const answer = await call(stack, "POST", "/v1/chat/completions", { key: tenant.key, body, headers: { "x-weir-purpose": "constructor" } });
  expect(answer).toMatchObject({ status: 403, body: { error: { code: "consent_required" } } });
});

test.each(["__proto__", "constructor"])("usage cannot be grouped by %s", async (group) => {
  const answer = await call(stack, "GET", `/metering/v1/usage?group_by=${group}`, { key: tenant.key });
  expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request", param: "group_by" } });
});

test.each(["limit=0", "limit=x", "limit=1e9", "limit=1&limit=2"])("a list refuses ?%s and names it", async (query) => {
  const answer = await call(stack, "GET", `/billing/v1/tenants/${tenant.id}/keys?${query}`, { key: tenant.key });
  expect(answer).toMatchObject({ status: 400, body: { code: "invalid_request", param: "limit" } });
});

function bodyOf(operation: Operation): Record<string, unknown> {
  return BODIES[operation.name]?.(tenant) ?? {};
}

/** Sends with the operator's key where that is the one, else with the tenant's; never a key in what comes back. */
async function send(operation: Operation, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  let path = operation.path;
  for (const { name, schema } of operation.pathParameters) {
    path = path.replace(`{${name}}`, (await RESOURCES[schema["x-weir-resource"] ?? ""]?.(stack, tenant)) ?? "");
  }
  const key = operation.scopes.every((scope) => scope === "operator") ? stack.operatorKeys.eu : tenant.fullKey;
  const answer = await call(stack, operation.method, path, { key, body, headers: { "idempotency-key": crypto.randomUUID(), ...headers } });
  expect(JSON.stringify(answer.body)).not.toContain(key);
  return answer;
}

interface Fault {
  status: number;
  code: string;
  /** The first member of the path of the field at fault. */
  field: string | undefined;
  message: string;
  /** OpenAI's shape under `/v1`, a problem document elsewhere. */
  inItsShape: boolean;
}

function faultOf(operation: Operation, { status, body, headers }: Answer): Fault {
  const isV1 = operation.path.startsWith("/v1/");
  const { code, param, message, detail } = isV1 ? body.error : body;
  const type = isV1 ? "application/json" : "application/problem+json";
  return { status, code, field: param?.split(".")[0], message: message ?? detail, inItsShape: headers.get("content-type") === type };
}

function naming(field: string) {
  return { field, message: expect.stringContaining(field) };
}

/** Each top-level field of an operation's body with a value that it cannot have. */
function fieldsOf(operation: Operation): [string, unknown][] {
  return Object.entries(operation.body?.properties ?? {}).map(([field, schema]) => [field, wrongFor(resolve(document, schema))]);
}

function wrongFor(schema: Schema): unknown {
  const types = [schema, ...(schema.anyOf ?? [])].flatMap(({ type }) => type ?? []);
  return types.includes("object") ? 1 : { wrong: true };
}

function requiredOf(operation: Operation): string[] {
  return operation.body?.required ?? [];
}
