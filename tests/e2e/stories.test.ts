import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { aModel, aTenant, call, until } from "../support/client.ts";
import { portOf } from "../support/port.ts";
import { bootTestStack, type TestStack } from "../support/stack.ts";

let stack: TestStack;
let provider: Server;
let providerHits = 0;

beforeAll(async () => {
  provider = createServer((request, response) => {
    providerHits++;
    request.resume();
    response.writeHead(500).end();
  });
  await new Promise<void>((resolve) => provider.listen(0, "127.0.0.1", resolve));
  stack = await bootTestStack({ vars: { EGRESS_ALLOW: providerOrigin() } });
});

afterAll(async () => {
  await stack.stop();
  provider.closeAllConnections();
  await new Promise((resolve) => provider.close(resolve));
});

const HELLO = { model: "weir-chat", messages: [{ role: "user", content: "how do I reset my password?" }] };
const chat = (key: string, headers: Record<string, string> = {}, body: object = HELLO) =>
  call(stack, "POST", "/v1/chat/completions", { key, body, headers });

test("a chat completion is metered and charged exactly once though its event comes three times more", async () => {
  const tenant = await aTenant(stack);
  await aModel(stack, tenant);
  const answer = await chat(tenant.key);
  expect(answer.status).toBe(200);
  const request = answer.headers.get("x-request-id") ?? "";
  const metered = await until(
    () => call(stack, "GET", `/metering/v1/requests/${request}`, { key: tenant.key }),
    (found) => found.status === 200 && found.body.flush !== null,
  );
  const balance = () => call(stack, "GET", `/billing/v1/tenants/${tenant.id}/balance`, { key: tenant.key });
  const spent = (await until(balance, ({ body }) => body.spent !== "0" && body.held === "0")).body.spent;

  const { INBOX_METERING: inbox } = await stack.bindings<{ INBOX_METERING: Queue }>("metering", "eu");
  for (const copy of [1, 2, 3]) await inbox.send({ v: 1, id: `copy-${copy}`, born: "object", events: [metered.body.event] });
  // A second request, metered after the copies: when it has arrived, they have too.
  const second = (await chat(tenant.key)).headers.get("x-request-id") ?? "";
  await until(
    () => call(stack, "GET", `/metering/v1/requests/${second}`, { key: tenant.key }),
    (found) => found.status === 200 && found.body.flush !== null,
  );
  const usage = await until(
    () => call(stack, "GET", "/metering/v1/usage", { key: tenant.key }),
    ({ body }) => body.items[0]?.requests >= 2,
  );
  expect(usage.body.items[0].requests).toBe(2);
  const both = await until(balance, ({ body }) => Number(body.spent) > Number(spent) && body.held === "0");
  expect(both.body.spent).toBe(usage.body.items[0].charge);
});

test("a revoked key is not served after the 200, and its neighbour still is", async () => {
  const tenant = await aTenant(stack);
  await aModel(stack, tenant);
  const path = `/billing/v1/tenants/${tenant.id}/keys`;
  const [gone, kept] = await Promise.all(
    ["gone", "kept"].map((name) => call(stack, "POST", path, { key: tenant.key, body: { name, scopes: ["inference:call"] } })),
  );
  expect((await chat(gone?.body.key)).status).toBe(200);
  // Calls keep coming while the key is revoked.
  const revoking = call(stack, "DELETE", `/billing/v1/keys/${gone?.body.id}`, { key: tenant.key });
  const during = Promise.all(Array.from({ length: 5 }, () => chat(gone?.body.key)));
  const revoked = await revoking;
  expect(revoked.status).toBe(200);
  expect(Date.parse(revoked.body.effective_at)).toBeGreaterThan(0);
  const after = await Promise.all(Array.from({ length: 10 }, () => chat(gone?.body.key)));
  expect(after.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 401));
  expect(after[0]?.body.error.code).toBe("invalid_api_key");
  expect((await chat(kept?.body.key)).status).toBe(200);
  await during;
});

test("a withdrawn consent refuses the next call, and a refusal reads differently from never having been asked", async () => {
  const tenant = await aTenant(stack);
  await aModel(stack, tenant);
  const { key } = tenant;
  expect((await call(stack, "PUT", "/privacy/v1/purposes/chat", { key, body: { basis: "consent" } })).status).toBe(200);
  const notice = await call(stack, "POST", "/privacy/v1/notices", {
    key,
    body: { language: "en", text: "May we answer you with an AI model?", purposes: ["chat"], change: "material" },
  });
  expect(notice.status).toBe(201);
  const decide = (subject: string, decision: string) =>
    call(stack, "POST", "/privacy/v1/consents", {
      key,
      body: { subject, purposes: ["chat"], decision, ...(decision === "withdrawn" ? {} : { notice: notice.body.hash }) },
    });
  const as = (subject: string) => chat(key, { "x-weir-subject": subject });

  expect((await as("ada")).body.error.code).toBe("consent_required");
  expect((await decide("ada", "given")).status).toBe(201);
  expect((await as("ada")).status).toBe(200);
  const withdrawn = await decide("ada", "withdrawn");
  expect(withdrawn.body.effective_at).not.toBeNull();
  expect((await as("ada")).body.error.code).toBe("consent_withdrawn");
  await decide("ben", "refused");
  expect((await as("ben")).body.error.code).toBe("consent_refused");
  expect((await chat(key)).body.error).toMatchObject({ code: "consent_required", param: "x-weir-subject" });

  // Refused requests cost nothing and are not usage.
  const usage = await until(
    () => call(stack, "GET", "/metering/v1/usage", { key }),
    ({ body }) => body.items.length > 0,
  );
  expect(usage.body.items[0].requests).toBe(1);
});

test("a call outside the residency policy reaches no provider, and is told why", async () => {
  const tenant = await aTenant(stack);
  await aModel(stack, tenant, "away", { provider: "openai-compatible", base_url: `${providerOrigin()}/v1`, region: "us" });
  const { key } = tenant;
  const policy = { ingress: ["*"], inference: ["eu"], storage: ["eu"], logs: ["eu"], unknown: "allow" };
  expect((await call(stack, "PUT", "/privacy/v1/residency", { key, body: policy })).status).toBe(200);
  const preview = await call(stack, "POST", "/privacy/v1/residency/preview", { key, body: { model: "away" } });
  expect(preview.body).toMatchObject({ decision: "deny", deployments: [{ eligible: false }] });

  const before = providerHits;
  const refused = await chat(key, {}, { ...HELLO, model: "away" });
  expect(refused.status).toBe(403);
  expect(refused.body.error.code).toBe("residency_unavailable");
  expect(refused.body.error.message).toContain('inference: "us" is outside');
  expect(providerHits).toBe(before);
  expect((await call(stack, "GET", `/billing/v1/tenants/${tenant.id}/balance`, { key })).body.held).toBe("0");

  const request = refused.headers.get("x-request-id");
  const explained = await until(
    () => call(stack, "GET", `/privacy/v1/residency/explain/${request}`, { key }),
    ({ status }) => status === 200,
  );
  expect(explained.body).toMatchObject({ code: "residency_unavailable", deployments: [{ eligible: false }] });
});

test("a client's own word about its country changes nothing", async () => {
  const tenant = await aTenant(stack);
  await aModel(stack, tenant);
  const { key } = tenant;
  const policy = { ingress: ["eu"], inference: ["*"], storage: ["*"], logs: ["*"], unknown: "deny" };
  expect((await call(stack, "PUT", "/privacy/v1/residency", { key, body: policy })).status).toBe(200);
  // Locally the network knows no country; headers that name one come from the client.
  const answer = await chat(key, { "cf-ipcountry": "DE", "x-weir-country": "de", "x-forwarded-for": "192.0.2.1" });
  expect(answer.body.error.code).toBe("residency_unavailable");
});

function providerOrigin(): string {
  return `http://127.0.0.1:${portOf(provider)}`;
}
