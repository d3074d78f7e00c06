import { createHash } from "node:crypto";
import { jcsBytes } from "@weir/domain/encoding/jcs";
import { compactVerify, createLocalJWKSet } from "jose";
import { afterAll, beforeAll, expect, test } from "vitest";
import { aModel, type Answer, aTenant, type TestTenant, until } from "../support/client.ts";
import { privacyCalls } from "../support/privacy-fixtures.ts";
import { bootTestStack, type TestStack } from "../support/stack.ts";

let stack: TestStack;
let tenant: TestTenant;
let calls: ReturnType<typeof privacyCalls>;

beforeAll(async () => {
  stack = await bootTestStack();
  calls = privacyCalls(stack);
});
afterAll(async () => {
  await stack.stop();
});

/** Every row of every table of the cell, as text. */
async function dump(): Promise<string> {
  const db = await stack.database("eu");
  const { results } = await db
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB '_cf_*'")
    .all<{ name: string }>();
  const tables = await Promise.all(results.map(({ name }) => db.prepare(`SELECT * FROM "${name}"`).all()));
  return JSON.stringify(tables.map((table) => table.results));
}

let notice = "";

beforeAll(async () => {
  tenant = await aTenant(stack);
  await aModel(stack, tenant);
  await calls.recordPurpose(tenant, "chat", "consent");
  await calls.recordPurpose(tenant, "training", "consent");
  notice = await calls.publish(tenant, "What we do.", ["chat", "training"]);
});

test("never asked, given, withdrawn: each is told apart, and the Gate holds to it at once", async () => {
  const headers = { "x-weir-subject": "ada" };
  expect((await calls.ask(tenant, headers)).body.error.code).toBe("consent_required");
  expect((await calls.choose(tenant, "ada", "given", ["chat"], { notice })).status).toBe(201);
  expect((await calls.ask(tenant, headers)).status).toBe(200);
  const withdrawn = await calls.choose(tenant, "ada", "withdrawn", ["chat"]);
  expect(withdrawn).toMatchObject({ status: 201, body: { effective_at: expect.any(String) } });
  expect((await calls.ask(tenant, headers)).body.error.code).toBe("consent_withdrawn");
  expect(await calls.stateOf(tenant, "ada")).toEqual({ chat: "withdrawn", training: "never_asked" });
});

test("a refusal is not the same as never having been asked", async () => {
  await calls.choose(tenant, "bob", "refused", ["chat"], { notice });
  expect((await calls.ask(tenant, { "x-weir-subject": "bob" })).body.error.code).toBe("consent_refused");
});

test("a withdrawn consent cannot be revived by an older record", async () => {
  await calls.choose(tenant, "carol", "given", ["chat"], { notice });
  await calls.choose(tenant, "carol", "withdrawn", ["chat"]);
  // What a client could try: to say that it was earlier, or later, than it is.
  for (const field of ["indicated_at", "recorded_at"]) {
    const backdated = await calls.choose(tenant, "carol", "given", ["chat"], { notice, [field]: "2020-01-01T00:00:00Z" });
    expect(backdated).toMatchObject({ status: 400, body: { code: "invalid_request", param: field } });
  }
  // What a clock that is ahead could do: the consent is recorded with a time an hour from now, and then withdrawn.
  const db = await stack.database("eu");
  const { body } = await calls.choose(tenant, "carol", "given", ["chat"], { notice });
  await db.prepare("UPDATE consent_record SET recorded_at = recorded_at + 3600000 WHERE id = ?").bind(body.records[0].id).run();
  await calls.choose(tenant, "carol", "withdrawn", ["chat"]);
  expect(await calls.stateOf(tenant, "carol")).toMatchObject({ chat: "withdrawn" });
  expect((await calls.ask(tenant, { "x-weir-subject": "carol" })).body.error.code).toBe("consent_withdrawn");
});

test("given while valid is renewed, and the events say so in the order of recording", async () => {
  const first = await calls.choose(tenant, "dora", "given", ["chat"], { notice });
  const second = await calls.choose(tenant, "dora", "given", ["chat", "training"], { notice });
  expect(JSON.stringify(first.body.record)).toContain("dpv:ConsentGiven");
  expect(second.body.record["dpv:hasConsentStatus"]).toMatchObject([
    { "@type": ["dpv:RenewedConsentGiven", "dpv:ExpressedConsent"], "dpv:hasPurpose": ["weir:chat"] },
    { "@type": ["dpv:ConsentGiven", "dpv:ExpressedConsent"], "dpv:hasPurpose": ["weir:training"] },
  ]);
  expect(second.body.record["dpv:hasProcess"]).toHaveLength(2);
  const db = await stack.database("eu");
  const id = `privacy:${second.body.records[0].id}:0`;
  const row = await db.prepare("SELECT body FROM outbox WHERE id = ?").bind(id).first<{ body: string }>();
  const events: { type: string; data: { sequence: number } }[] = JSON.parse(row?.body ?? "{}").events;
  expect(events.map((event) => event.type)).toEqual(["consent.renewed", "consent.given"]);
  expect(events.map((event) => event.data.sequence)).toEqual(second.body.records.map((item: { sequence: number }) => item.sequence));
});

test("two first consents of one person make one pseudonym", async () => {
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => calls.choose(tenant, "eve@example.com", "given", ["chat"], { notice })),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 8 }, () => 201));
  const { body } = await calls.as(tenant, "GET", "/privacy/v1/subjects/eve%40example.com/consents");
  expect(body.items).toHaveLength(8);
  const subjects = new Set(answers.map((answer) => answer.body.record["dpv:hasDataSubject"]["@id"]));
  expect([...subjects]).toEqual([`urn:weir:subject:${body.subject}`]);
  // Of eight at once, one was given and the others renewed it.
  const given = answers.filter((answer) => JSON.stringify(answer.body.record).includes("dpv:ConsentGiven"));
  expect(given).toHaveLength(1);
});

test("consents of many people at once each have a place in the order", async () => {
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, index) => calls.choose(tenant, `person-${index}`, "given", ["chat", "training"], { notice })),
  );
  const sequences = answers.flatMap(({ body }) => body.records.map((item: { sequence: number }) => item.sequence));
  expect(new Set(sequences).size).toBe(60);
});

test("the reference is in no table in clear", async () => {
  const reference = "grace.hopper+marker@example.com";
  const { body } = await calls.choose(tenant, reference, "given", ["chat"], { notice });
  await calls.ask(tenant, { "x-weir-subject": reference });
  const rows = await dump();
  expect(rows).toContain(body.records[0].id);
  for (const form of [
    reference,
    encodeURIComponent(reference),
    Buffer.from(reference).toString("base64"),
    createHash("sha256").update(reference).digest("hex"),
  ]) {
    expect(rows).not.toContain(form);
    expect(JSON.stringify(body)).not.toContain(form);
  }
});

test("a person is found by reference or by pseudonym, and by no other tenant", async () => {
  const byReference = await calls.as(tenant, "GET", "/privacy/v1/subjects/dora/consents?limit=2");
  expect(byReference.body.items).toHaveLength(2);
  const { subject, next_cursor } = byReference.body;
  const rest = await calls.as(tenant, "GET", `/privacy/v1/subjects/${subject}/consents?limit=2&cursor=${next_cursor}`);
  expect(rest.body).toMatchObject({
    subject,
    state: { chat: "renewed", training: "given" },
    items: [{ purpose: "training" }],
    next_cursor: null,
  });
  const other = await aTenant(stack, { credit: null });
  const withoutInstance = ({ status, body }: Answer) => ({ status, body: { ...body, instance: "" } });
  const foreign = await calls.as(other, "GET", `/privacy/v1/subjects/${subject}/consents`);
  const unknown = await calls.as(other, "GET", "/privacy/v1/subjects/nobody/consents");
  expect(foreign.status).toBe(404);
  expect(withoutInstance(foreign)).toEqual(withoutInstance(unknown));
});

test("what a consent rests on must be there: purposes recorded, a notice that is ours, current, and covers them", async () => {
  const given = (purposes: string[], more: object) => calls.choose(tenant, "hal", "given", purposes, more);
  expect(await given(["dreams"], { notice })).toMatchObject({ status: 422, body: { code: "purpose_unknown", param: "purposes" } });
  expect(await given(["chat"], {})).toMatchObject({ status: 422, body: { param: "notice" } });
  expect(await given(["chat"], { notice: "0".repeat(64) })).toMatchObject({ status: 422, body: { param: "notice" } });
  expect(await given(["chat"], { notice, valid_until: "2020-01-01T00:00:00Z" })).toMatchObject({
    status: 422,
    body: { param: "valid_until" },
  });
  const other = await aTenant(stack, { credit: null });
  await calls.recordPurpose(other, "chat", "consent");
  const foreign = await calls.choose(other, "hal", "given", ["chat"], { notice });
  expect(foreign).toMatchObject({ status: 422, body: { param: "notice" } });
  // Nothing of this was recorded, and nobody was met.
  expect((await calls.as(tenant, "GET", "/privacy/v1/subjects/hal/consents")).status).toBe(404);
});

test("the receipt verifies offline with the published key, and names the record that was answered", async () => {
  const { body } = await calls.choose(tenant, "ivy", "given", ["chat"], { notice });
  const keys = await (await stack.miniflare.getWorker("weir-privacy-eu")).fetch("https://cell/privacy/v1/receipt-keys");
  const jwks = JSON.parse(await keys.text());
  const { payload } = await compactVerify(body.receipt, createLocalJWKSet(jwks));
  expect(JSON.parse(Buffer.from(payload).toString())).toMatchObject({
    record: body.records[0].id,
    record_sha256: createHash("sha256").update(jcsBytes(body.record)).digest("hex"),
    tenant: tenant.id,
    decision: "given",
    recorded_at: body.records[0].recorded_at,
  });
  expect(JSON.stringify(body.record)).toContain(notice);
});

test("a material notice ends consent to the one before; an old notice takes no new consent", async () => {
  const headers = { "x-weir-subject": "kim" };
  await calls.choose(tenant, "kim", "given", ["chat"], { notice });
  const editorial = await calls.publish(tenant, "What we do!", ["chat", "training"], "editorial");
  expect((await calls.ask(tenant, headers)).status).toBe(200);
  const material = await calls.publish(tenant, "What we do now.", ["chat", "training"]);
  expect((await calls.ask(tenant, headers)).body.error.code).toBe("reconsent_required");
  expect(await calls.stateOf(tenant, "kim")).toMatchObject({ chat: "superseded" });
  expect(await calls.choose(tenant, "kim", "given", ["chat"], { notice: editorial })).toMatchObject({
    status: 422,
    body: { param: "notice" },
  });
  await calls.choose(tenant, "kim", "given", ["chat"], { notice: material });
  expect((await calls.ask(tenant, headers)).status).toBe(200);
  expect(await calls.stateOf(tenant, "kim")).toMatchObject({ chat: "given" });
  notice = material;
});

test("a change of basis does not revive a refusal", async () => {
  await calls.choose(tenant, "lee", "refused", ["chat"], { notice });
  await calls.recordPurpose(tenant, "chat", "contract");
  expect((await calls.ask(tenant, { "x-weir-subject": "lee" })).body.error.code).toBe("consent_refused");
  expect((await calls.ask(tenant, { "x-weir-subject": "someone-new" })).status).toBe(200);
});

test("a key for applications sets no policy, and an officer's records no consent", async () => {
  const key = async (scope: string): Promise<TestTenant> => {
    const made = await calls.as(tenant, "POST", `/billing/v1/tenants/${tenant.id}/keys`, { name: scope, scopes: [scope] });
    return { ...tenant, key: made.body.key };
  };
  const [app, officer] = [await key("privacy:app"), await key("privacy:officer")];
  expect((await calls.recordPurpose(app, "chat")).status).toBe(403);
  expect((await calls.choose(officer, "mia", "withdrawn", ["chat"])).status).toBe(403);
  expect((await calls.choose(app, "mia", "withdrawn", ["chat"])).status).toBe(201);
});

test("every change reaches its readers: the outbox is empty after the sweep", async () => {
  const db = await stack.database("eu");
  await until(
    async () => {
      await stack.sweep();
      return (
        await db.prepare("SELECT COUNT(*) AS rows FROM outbox WHERE worker = 'privacy' AND sent_at IS NULL").first<{ rows: number }>()
      )?.rows;
    },
    (rows) => rows === 0,
  );
  const dead = await db.prepare("SELECT COUNT(*) AS rows FROM dead_letter WHERE worker = 'inference'").first<{ rows: number }>();
  expect(dead?.rows).toBe(0);
});
