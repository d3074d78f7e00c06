import type { CellName } from "../../packages/cli/src/stack.ts";
import type { TestStack } from "./stack.ts";

export interface Answer {
  status: number;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests read many shapes, and assert what they read
  body: any;
  headers: Headers;
}

/** Calls the gateway as a client does, over HTTP. */
export async function call(
  stack: Pick<TestStack, "url">,
  method: string,
  path: string,
  options: { key?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const headers = new Headers(options.headers);
  if (options.key !== undefined) headers.set("authorization", `Bearer ${options.key}`);
  const init: RequestInit = { method, headers };
  if (options.body !== undefined) {
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    init.body = typeof options.body === "string" ? options.body : JSON.stringify(options.body);
  }
  const response = await fetch(stack.url + path, init);
  const text = await response.text();
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  return { status: response.status, body: isJson && text !== "" ? JSON.parse(text) : text, headers: response.headers };
}

export interface TestTenant {
  id: string;
  cell: CellName;
  key: string;
}

/** A tenant in a cell with its owner's key, and credit unless told otherwise. */
export async function aTenant(
  stack: Pick<TestStack, "url" | "operatorKeys">,
  options: { cell?: CellName; credit?: string | null; name?: string } = {},
): Promise<TestTenant> {
  const cell = options.cell ?? "eu";
  const key = stack.operatorKeys[cell];
  const made = await call(stack, "POST", "/billing/v1/tenants", { key, body: { name: options.name ?? "A tenant" } });
  if (made.status !== 201) throw new Error(`No tenant: ${JSON.stringify(made.body)}`);
  const tenant = { id: made.body.id, cell, key: made.body.owner_key };
  if (options.credit !== null) await aGrant(stack, tenant, options.credit ?? "100");
  return tenant;
}

export async function aGrant(stack: Pick<TestStack, "url" | "operatorKeys">, tenant: TestTenant, amount: string): Promise<void> {
  const granted = await call(stack, "POST", `/billing/v1/tenants/${tenant.id}/grants`, {
    key: stack.operatorKeys[tenant.cell],
    headers: { "idempotency-key": crypto.randomUUID() },
    body: { amount, currency: "USD", kind: "prepaid" },
  });
  if (granted.status !== 201) throw new Error(`No grant: ${JSON.stringify(granted.body)}`);
}

export const PRICE = { currency: "USD", per: 1_000_000, input: "1", output: "2" };
export const COST = { currency: "USD", per: 1_000_000, input: "0.5", output: "1" };

/** A model with one deployment; the embedded one in Germany unless told otherwise. */
export async function aModel(
  stack: Pick<TestStack, "url">,
  tenant: TestTenant,
  id = "weir-chat",
  deployment: Record<string, unknown> = {},
): Promise<string> {
  const model = await call(stack, "POST", "/inference/v1/models", { key: tenant.key, body: { id, name: id } });
  if (model.status !== 201 && model.status !== 409) throw new Error(`No model: ${JSON.stringify(model.body)}`);
  const made = await call(stack, "POST", "/inference/v1/deployments", {
    key: tenant.key,
    body: {
      model: id,
      provider: "embedded",
      region: "de",
      stores_in: [],
      logs_in: [],
      retention_days: 0,
      trains_on_content: false,
      price: PRICE,
      cost: COST,
      weight: 1,
      ...deployment,
    },
  });
  if (made.status !== 201) throw new Error(`No deployment: ${JSON.stringify(made.body)}`);
  return made.body.id;
}

/** Asks until what is asked for holds, or fails with the last answer. */
export async function until<Value>(read: () => Promise<Value>, holds: (value: Value) => boolean, timeoutMs = 15_000): Promise<Value> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (Date.now() > end) throw new Error(`Still not so after ${timeoutMs} ms: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
