import { hashKey, newKey } from "@weir/domain/keys";
import { logOfTenant, newId, randomPart } from "@weir/domain/ids";
import { aModel, aTenant, call, COST, PRICE, until, type Answer, type TestTenant } from "./client.ts";
import type { TestStack } from "./stack.ts";

export const MODEL = "model-of-a";
const EMBEDDING_MODEL = "embeddings-of-a";
const PURPOSE = "purpose_of_a";
const SUBJECT = "person-of-a";

/** Everything that a tenant's own calls need to succeed. */
export interface Populated extends TestTenant {
  /** A key with every right that a tenant can have, `evidence:claims` too. */
  fullKey: string;
  notice: string;
}

/** A tenant with a model that answers, purposes on record, a notice, and a person who has consented. */
export async function aPopulatedTenant(stack: TestStack): Promise<Populated> {
  const tenant = await aTenant(stack);
  const fullKey = await storeKey(stack, tenant, ["*", "evidence:claims"]);
  await aModel(stack, tenant, MODEL, { upstream_model: "weir-chat" });
  await aModel(stack, tenant, EMBEDDING_MODEL, { upstream_model: "weir-embed" });
  await made(call(stack, "PUT", "/privacy/v1/purposes/chat", { key: tenant.key, body: { basis: "contract" } }));
  await made(call(stack, "PUT", `/privacy/v1/purposes/${PURPOSE}`, { key: tenant.key, body: { basis: "consent" } }));
  const notice = await made(call(stack, "POST", "/privacy/v1/notices", { key: tenant.key, body: aNotice("material") }));
  const populated = { ...tenant, fullKey, notice: notice.hash };
  await made(call(stack, "POST", "/privacy/v1/consents", { key: tenant.key, body: aChoice(populated) }));
  return populated;
}

/** A key that the API would not grant (nobody grants a scope that they lack), put into the database as an operator might. */
export async function storeKey(stack: TestStack, tenant: TestTenant, scopes: string[]): Promise<string> {
  const { key, id } = newKey(tenant.cell, tenant.id);
  const db = await stack.database(tenant.cell);
  await db
    .prepare("INSERT INTO api_key (id, tenant, name, hash, scopes, created_at) VALUES (?, ?, 'test', ?, ?, ?)")
    .bind(id, tenant.id, await hashKey(key), JSON.stringify(scopes), Date.now())
    .run();
  return key;
}

/** For each kind of thing that a path names, one that the tenant really has. What can be deleted is made anew each time. */
export const RESOURCES: Record<string, (stack: TestStack, owner: Populated) => Promise<string> | string> = {
  tenant: (_, owner) => owner.id,
  log: (_, owner) => logOfTenant(owner.id),
  model: () => MODEL,
  purpose: () => PURPOSE,
  subject: () => SUBJECT,
  notice: (_, owner) => owner.notice,
  key: async (stack, owner) => {
    const body = { name: "To be revoked", scopes: ["usage:read"] };
    return (await made(call(stack, "POST", `/billing/v1/tenants/${owner.id}/keys`, { key: owner.key, body }))).id;
  },
  // Without weight, so that no request goes there.
  deployment: (stack, owner) => aModel(stack, owner, MODEL, { weight: 0 }),
  request: aRequest,
  event: anAuditedEvent,
  tile: aTile,
  dead_letter: aDeadLetter,
};

const requests = new Map<string, Promise<string>>();

/** A request that was answered and metered; one for each tenant is enough. */
function aRequest(stack: TestStack, owner: Populated): Promise<string> {
  const known = requests.get(owner.id);
  if (known) return known;
  const request = answeredRequest(stack, owner);
  requests.set(owner.id, request);
  return request;
}

async function answeredRequest(stack: TestStack, owner: Populated): Promise<string> {
  const answer = await call(stack, "POST", "/v1/chat/completions", { key: owner.key, body: aChat() });
  if (answer.status !== 200) throw new Error(`No answer: ${JSON.stringify(answer.body)}`);
  const id = answer.headers.get("x-request-id") ?? "";
  await served(stack, `/metering/v1/requests/${id}`, owner);
  return id;
}

/** An event whose proof can be had: its leaf is in the log. */
async function anAuditedEvent(stack: TestStack, owner: Populated): Promise<string> {
  const id = `${owner.id}.created`;
  await served(stack, `/compliance/v1/proofs/${id}`, owner);
  return id;
}

/** The newest partial tile of hashes, which the checkpoint's size names. */
async function aTile(stack: TestStack, owner: Populated): Promise<string> {
  const checkpoint = await served(stack, `/audit/${logOfTenant(owner.id)}/checkpoint`, owner);
  return `0/000.p/${String(checkpoint.body).split("\n")[1]}`;
}

/** A message that was given up and has been sent again since, so that a further replay sends nothing. */
async function aDeadLetter(stack: TestStack, owner: Populated): Promise<string> {
  const id = newId("deadLetter", owner.cell);
  const db = await stack.database(owner.cell);
  await db
    .prepare("INSERT INTO dead_letter (id, worker, body, reason, received_at, replayed_at) VALUES (?, 'metering', '{}', 'test', ?2, ?2)")
    .bind(id, Date.now())
    .run();
  return id;
}

/** Asks until it is there: what travels through queues takes a moment. */
function served(stack: TestStack, path: string, owner: Populated): Promise<Answer> {
  return until(
    () => call(stack, "GET", path, { key: owner.key }),
    ({ status }) => status === 200,
  );
}

/** For each operation that takes a body, one that the tenant's own call succeeds with. */
export const BODIES: Record<string, (owner: Populated) => Record<string, unknown>> = {
  "POST /billing/v1/tenants": () => ({ name: "Another tenant" }),
  "POST /billing/v1/tenants/{id}/grants": () => ({ amount: "1", currency: "USD", kind: "prepaid" }),
  "POST /billing/v1/tenants/{id}/keys": () => ({ name: "A key", scopes: ["usage:read"] }),
  "POST /inference/v1/models": () => ({ id: `model-${randomPart()}`, name: "A model" }),
  "POST /inference/v1/deployments": () => ({
    model: MODEL,
    provider: "embedded",
    region: "de",
    stores_in: [],
    price: PRICE,
    cost: COST,
    weight: 0,
  }),
  "POST /privacy/v1/consents": (owner) => aChoice(owner),
  "POST /privacy/v1/notices": () => aNotice("editorial"),
  "POST /privacy/v1/residency/preview": () => ({ model: MODEL }),
  "POST /v1/chat/completions": () => aChat(),
  "POST /v1/embeddings": () => ({ model: EMBEDDING_MODEL, input: "Hi" }),
  "PUT /privacy/v1/policy": () => ({ required_purposes: [] }),
  "PUT /privacy/v1/purposes/{id}": () => ({ basis: "consent" }),
  "PUT /privacy/v1/residency": () => ({ inference: ["eu"], unknown: "allow" }),
};

function aChat(): Record<string, unknown> {
  return { model: MODEL, messages: [{ role: "user", content: "Hi" }], max_tokens: 1 };
}

function aNotice(change: "material" | "editorial"): Record<string, unknown> {
  return { language: "en", text: `We ask for your consent. ${randomPart()}`, purposes: [PURPOSE], change };
}

function aChoice({ notice }: Pick<Populated, "notice">): Record<string, unknown> {
  return { subject: SUBJECT, purposes: [PURPOSE], decision: "given", notice };
}

async function made(answer: ReturnType<typeof call>) {
  const { status, body } = await answer;
  if (status >= 300) throw new Error(`Nothing was made: ${status} ${JSON.stringify(body)}`);
  return body;
}
