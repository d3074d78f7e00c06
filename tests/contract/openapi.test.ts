import { SCOPES } from "@weir/domain/scopes";
import { afterAll, describe, expect, test } from "vitest";
import { CELL_WORKERS } from "../../packages/cli/src/stack.ts";
import { apiDocument, operationsOf, resolve, type ApiDocument, type Schema } from "../support/operations.ts";
import { bootTestStack } from "../support/stack.ts";

const stack = await bootTestStack();
afterAll(() => stack.stop());

const document = await apiDocument(stack);
const operations = operationsOf(document);

/** The calls that others build on, each with the scopes that open it. */
const CONTRACTS: [call: string, scopes: string[]][] = [
  ["POST /billing/v1/tenants", ["operator"]],
  ["POST /billing/v1/tenants/{id}/keys", ["billing:admin"]],
  ["DELETE /billing/v1/keys/{id}", ["billing:admin"]],
  ["POST /billing/v1/tenants/{id}/grants", ["operator"]],
  ["GET /billing/v1/tenants/{id}/balance", ["billing:read"]],
  ["GET /billing/v1/tenants/{id}/invoices/preview", ["billing:read"]],
  ["POST /v1/chat/completions", ["inference:call"]],
  ["POST /v1/embeddings", ["inference:call"]],
  ["GET /v1/models", ["inference:call"]],
  ["POST /inference/v1/models", ["models:admin"]],
  ["POST /inference/v1/deployments", ["models:admin"]],
  ["PUT /privacy/v1/residency", ["privacy:officer"]],
  ["POST /privacy/v1/residency/preview", ["privacy:officer"]],
  ["PUT /privacy/v1/purposes/{id}", ["privacy:officer"]],
  ["PUT /privacy/v1/policy", ["privacy:officer"]],
  ["POST /privacy/v1/notices", ["privacy:officer"]],
  ["POST /privacy/v1/consents", ["privacy:app"]],
  ["GET /privacy/v1/subjects/{subject}/consents", ["privacy:officer", "audit:read"]],
  ["GET /metering/v1/usage", ["usage:read"]],
  ["GET /compliance/v1/proofs/{event_id}", ["audit:read"]],
  ["GET /audit/{log}/checkpoint", ["audit:read"]],
  ["GET /audit/{log}/tile/{path}", ["audit:read"]],
  ["GET /health", []],
  ["GET /openapi.json", []],
];

/** Promised, and not there yet. Whoever builds one moves its line up. */
const NOT_YET = [
  "GET /privacy/v1/consents",
  "POST /privacy/v1/consents/exports",
  "POST /privacy/v1/subjects/{subject}/tokens",
  "POST /compliance/v1/erasures",
  "GET /compliance/v1/erasures/{id}",
  "GET /compliance/v1/erasures/{id}/certificate",
  "GET /compliance/v1/evidence/{request_id}",
];

/** Answered by the gateway itself, which has no more to say than a status. */
const GATEWAYS_OWN = new Set(["/health", "/openapi.json"]);

/** Objects in request bodies that take fields beyond those named, and why. */
const OPEN: Record<string, string> = {
  "POST /v1/chat/completions messages[]": "clients send back whole answers as messages, with members that only their vendor knows",
  "POST /v1/chat/completions metadata": "names and values are the caller's own",
  "PUT /privacy/v1/residency": "read by the domain's parser, which names the unknown field",
};

describe("the document", () => {
  test("is OpenAPI 3.1 with a key as its scheme", () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(document.info).toMatchObject({ title: "Weir", version: expect.any(String) });
    expect(document.components.securitySchemes["apiKey"]).toMatchObject({ type: "http", scheme: "bearer" });
  });

  test("refers to nothing that it does not have", () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map(([, reference = ""]) => reference);
    expect(references.length).toBeGreaterThan(0);
    for (const $ref of new Set(references)) expect(() => resolve(document, { $ref }), $ref).not.toThrow();
  });

  test("is the same for both cells and says neither versions nor tenants", () => {
    expect(JSON.stringify(document)).not.toMatch(/\b(t|key|req)_(eu|us)_[0-9a-z]{26}|wrangler|workerd/);
  });
});

describe("the documents of the workers", () => {
  test("agree on what a schema's name means, and no two have the same call", async () => {
    const parts = await Promise.all(CELL_WORKERS.map(partOf));
    const schemas = new Map<string, string>();
    const owners = new Map<string, string>();
    for (const [index, part] of parts.entries()) {
      for (const [name, schema] of Object.entries(part.components.schemas ?? {})) {
        expect(schemas.get(name) ?? JSON.stringify(schema), name).toBe(JSON.stringify(schema));
        schemas.set(name, JSON.stringify(schema));
      }
      for (const path of Object.keys(part.paths)) {
        expect(owners.get(path), path).toBeUndefined();
        owners.set(path, CELL_WORKERS[index] ?? "");
      }
    }
    expect([...owners.keys(), "/health", "/openapi.json"].sort()).toEqual(Object.keys(document.paths).sort());
  });
});

describe.each(operations)("$name", (operation) => {
  test("says in a few words what it does", () => {
    expect(operation.summary).toMatch(/^\S.{3,}$/);
  });

  test("names the scopes that open it, or that none is needed", () => {
    expect(operation.security).toBeDefined();
    expect(operation.scopes.filter((scope) => !SCOPES.some((known) => known === scope))).toEqual([]);
    expect(operation.scopes.length > 0).toBe(!operation.keyless);
  });

  test("documents how it answers when it fails", () => {
    const failures = Object.keys(operation.responses).filter((status) => status === "default" || /^[45]/.test(status));
    const types = failures.flatMap((status) => Object.keys(operation.responses[status]?.content ?? {}));
    const type = operation.path.startsWith("/v1/") ? "application/json" : "application/problem+json";
    expect(types).toEqual(GATEWAYS_OWN.has(operation.path) ? [] : [type]);
  });

  test("documents every placeholder of its path", () => {
    const placeholders = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(new Set(operation.pathParameters.map(({ name }) => name))).toEqual(new Set(placeholders));
  });

  test("takes no field that it does not document", () => {
    const open = operation.body === undefined ? [] : openObjects(operation.body, operation.name);
    expect(open.filter((place) => !(place in OPEN))).toEqual([]);
  });
});

describe("a contract that others build on", () => {
  test.each(CONTRACTS)("%s is there for %j", (name, scopes) => {
    const operation = operations.find((known) => known.name === name);
    expect(operation, "missing from the document").toBeDefined();
    expect(operation?.scopes.sort()).toEqual(scopes.toSorted());
  });

  test.each(NOT_YET)("%s is not there yet", (name) => {
    expect(
      operations.map((operation) => operation.name),
      "it is there now: move it from NOT_YET to CONTRACTS",
    ).not.toContain(name);
  });
});

async function partOf(worker: (typeof CELL_WORKERS)[number]): Promise<ApiDocument> {
  const response = await (await stack.miniflare.getWorker(`weir-${worker}-eu`)).fetch("http://cell.invalid/openapi.json");
  return JSON.parse(await response.text());
}

/** The places of a body's schema whose objects let unknown fields through. */
function openObjects(schema: Schema, place: string): string[] {
  const known = resolve(document, schema);
  const isObject = known.properties !== undefined || known.type === "object";
  const inside = Object.entries(known.properties ?? {}).flatMap(([name, property]) => openObjects(property, `${place} ${name}`));
  const items = known.items === undefined ? [] : openObjects(known.items, `${place}[]`);
  const alternatives = (known.anyOf ?? []).flatMap((option) => openObjects(option, place));
  return [...(isObject && known.additionalProperties !== false ? [place] : []), ...inside, ...items, ...alternatives];
}
