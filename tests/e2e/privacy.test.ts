import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aModel, type Answer, aTenant, call, type TestTenant, until } from "../support/client.ts";
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

describe("residency", () => {
  beforeAll(async () => {
    tenant = await aTenant(stack);
    await aModel(stack, tenant);
  });

  test("a new tenant's policy is open, version 0", async () => {
    const { body } = await calls.as(tenant, "GET", "/privacy/v1/residency");
    expect(body).toMatchObject({ inference: ["*"], unknown: "allow", version: 0, ingress_is: "advisory", updated_at: null });
  });

  test("a narrowed policy refuses the next request, and preview had said so", async () => {
    const preview = () => calls.as(tenant, "POST", "/privacy/v1/residency/preview", { model: "weir-chat" });
    expect((await preview()).body).toMatchObject({
      decision: "allow",
      reasons: [],
      purpose: { id: "chat", basis: "contract (not recorded)" },
    });
    const set = await calls.as(tenant, "PUT", "/privacy/v1/residency", { inference: ["US"], unknown: "allow" });
    expect(set).toMatchObject({ status: 200, body: { inference: ["us"], storage: ["*"], version: 1, effective_at: expect.any(String) } });
    const denied = await preview();
    expect(denied.body).toMatchObject({ decision: "deny", deployments: [{ eligible: false }], ingress: "advisory" });
    expect(denied.body.reasons[0]).toContain('"de"');
    expect(await calls.ask(tenant, {})).toMatchObject({ status: 403, body: { error: { code: "residency_unavailable" } } });
    await calls.as(tenant, "PUT", "/privacy/v1/residency", { inference: ["eea"], unknown: "allow" });
    expect((await calls.ask(tenant, {})).status).toBe(200);
  });

  test("an unknown country never passes where the policy demands to know", async () => {
    await calls.as(tenant, "PUT", "/privacy/v1/residency", { ingress: ["eu"], inference: ["eu"], unknown: "deny" });
    for (const country of [undefined, "T1", "xx", "us"]) {
      const { body } = await calls.as(tenant, "POST", "/privacy/v1/residency/preview", { model: "weir-chat", country });
      expect([country, body.decision]).toEqual([country, "deny"]);
    }
    expect((await calls.as(tenant, "POST", "/privacy/v1/residency/preview", { model: "weir-chat", country: "FR" })).body.decision).toBe(
      "allow",
    );
    expect(await calls.ask(tenant, { "cf-ipcountry": "DE", "x-weir-country": "DE" })).toMatchObject({ status: 403 });
    await calls.as(tenant, "PUT", "/privacy/v1/residency", { unknown: "allow" });
  });

  test("a fault is refused with its field, and changes nothing", async () => {
    const before = (await calls.as(tenant, "GET", "/privacy/v1/residency")).body;
    for (const [param, policy] of [
      ["storage", { storage: ["europe"] }],
      ["unknown", { unknown: "maybe" }],
      ["colour", { colour: "blue" }],
    ] as const) {
      expect(await calls.as(tenant, "PUT", "/privacy/v1/residency", policy)).toMatchObject({
        status: 422,
        body: { code: "unprocessable", param },
      });
    }
    expect((await calls.as(tenant, "GET", "/privacy/v1/residency")).body).toEqual(before);
  });

  test("parallel changes each get a version of their own", async () => {
    const { version } = (await calls.as(tenant, "GET", "/privacy/v1/residency")).body;
    const plans = [["de"], ["fr"], ["it"], ["es"], ["at"]].map((inference) =>
      calls.as(tenant, "PUT", "/privacy/v1/residency", { inference, unknown: "allow" }),
    );
    const versions = (await Promise.all(plans)).map(({ body }) => body.version).sort((a, b) => a - b);
    expect(versions).toEqual([1, 2, 3, 4, 5].map((step) => version + step));
    await calls.as(tenant, "PUT", "/privacy/v1/residency", { unknown: "allow" });
  });

  test("the same policy again is confirmed and is no new version", async () => {
    const again = await calls.as(tenant, "PUT", "/privacy/v1/residency", { unknown: "allow" });
    const { body } = await calls.as(tenant, "GET", "/privacy/v1/residency");
    expect(again.body).toMatchObject({ version: body.version, effective_at: expect.any(String) });
  });

  test("a past request is explained from the tenant's own log, and from no other", async () => {
    const served = await calls.ask(tenant, {});
    const refused = await calls.ask(tenant, { "x-weir-purpose": "dreams" });
    const explain = (who: TestTenant, answer: Answer) =>
      calls.as(who, "GET", `/privacy/v1/residency/explain/${answer.headers.get("x-request-id")}`);
    const found = ({ status }: Answer) => status === 200;
    const { body } = await until(() => explain(tenant, served), found);
    expect(body).toMatchObject({
      decision: "allow",
      code: null,
      region: "de",
      purpose: "chat",
      deployments: [{ eligible: true, reasons: [] }],
    });
    const { version } = (await calls.as(tenant, "GET", "/privacy/v1/residency")).body;
    expect(body.policy_version).toBe(version);
    const denied = await until(() => explain(tenant, refused), found);
    expect(denied.body).toMatchObject({ decision: "deny", code: "purpose_unknown", deployment: null, basis: null });
    expect((await explain(await aTenant(stack, { credit: null }), served)).status).toBe(404);
  });

  test("what does not exist is not previewed or explained", async () => {
    const unknownModel = await calls.as(tenant, "POST", "/privacy/v1/residency/preview", { model: "none" });
    expect(unknownModel).toMatchObject({ status: 404, body: { code: "model_not_found" } });
    const unknownPurpose = await calls.as(tenant, "POST", "/privacy/v1/residency/preview", { model: "weir-chat", purpose: "training" });
    expect(unknownPurpose).toMatchObject({ status: 422, body: { code: "purpose_unknown" } });
    expect((await calls.as(tenant, "GET", "/privacy/v1/residency/explain/evt_1")).status).toBe(404);
  });
});

describe("purposes, policy and notices", () => {
  beforeAll(async () => {
    tenant = await aTenant(stack);
  });

  test("a purpose is recorded with its basis, and a change of basis has its moment", async () => {
    expect(await calls.recordPurpose(tenant, "chat", "contract")).toMatchObject({
      status: 200,
      body: { id: "chat", basis: "contract", version: 1 },
    });
    expect((await calls.recordPurpose(tenant, "chat", "contract")).body.version).toBe(1);
    const changed = await calls.recordPurpose(tenant, "chat", "legitimate_interests");
    expect(changed.body).toMatchObject({ version: 2, basis_since: expect.any(String) });
    const { body } = await calls.as(tenant, "GET", "/privacy/v1/purposes");
    expect(body.items).toMatchObject([{ id: "chat", basis: "legitimate_interests" }]);
  });

  test.each(["Chat", "1st", "a".repeat(65), "a-b"])("%s is no name of a purpose", async (id) => {
    expect(await calls.recordPurpose(tenant, id)).toMatchObject({ status: 422, body: { param: "id" } });
  });

  test("consent to a separable purpose cannot be made a condition, in whatever order it is configured", async () => {
    await calls.recordPurpose(tenant, "training", "consent");
    const require = (...required_purposes: string[]) => calls.as(tenant, "PUT", "/privacy/v1/policy", { required_purposes });
    expect(await require("chat", "training")).toMatchObject({ status: 422, body: { code: "bundled_consent", param: "required_purposes" } });
    expect(await require("chat", "dreams")).toMatchObject({ status: 422, body: { code: "purpose_unknown" } });
    await calls.recordPurpose(tenant, "profiling", "legitimate_interests");
    expect(await require("chat", "profiling")).toMatchObject({
      status: 200,
      body: { required_purposes: ["chat", "profiling"], min_provenance: null },
    });
    expect(await calls.recordPurpose(tenant, "profiling", "consent")).toMatchObject({
      status: 422,
      body: { code: "bundled_consent", param: "basis" },
    });
    expect((await calls.recordPurpose(tenant, "profiling", "consent", { necessity: "The service is a profile." })).status).toBe(200);
  });

  test("a notice answers the exact bytes that its name is the hash of, whatever is published later", async () => {
    const text = "We train on what you write. – Widerruf jederzeit.\r\n\tÄ 😀 \uFEFF";
    const hash = await calls.publish(tenant, text, ["training"]);
    await calls.publish(tenant, `${text}.`, ["training"], "editorial");
    const { body, headers } = await calls.as(tenant, "GET", `/privacy/v1/notices/${hash}`);
    expect(createHash("sha256").update(body).digest("hex")).toBe(hash);
    expect(body).toBe(text);
    expect(headers.get("content-type")).toMatch(/^text\/plain; charset=utf-8/i);
    const again = await calls.as(tenant, "POST", "/privacy/v1/notices", {
      language: "en",
      text,
      purposes: ["training"],
      change: "material",
    });
    expect(again).toMatchObject({ status: 200, body: { hash, version: 1 } });
    const other = await aTenant(stack, { credit: null });
    expect((await calls.as(other, "GET", `/privacy/v1/notices/${hash}`)).status).toBe(404);
  });

  test("a first notice is material, in a language, about recorded purposes", async () => {
    const post = (fields: object) =>
      calls.as(tenant, "POST", "/privacy/v1/notices", { language: "en", text: "x", purposes: ["chat"], change: "material", ...fields });
    expect(await post({ change: "editorial" })).toMatchObject({ status: 422, body: { param: "change" } });
    expect(await post({ language: "english" })).toMatchObject({ status: 422, body: { param: "language" } });
    expect(await post({ purposes: ["dreams"] })).toMatchObject({ status: 422, body: { code: "purpose_unknown", param: "purposes" } });
  });

  test("notices published at once get versions of their own", async () => {
    const texts = ["a", "b", "c", "d"].map((letter) => `Parallel notice ${letter}`);
    const hashes = await Promise.all(texts.map((text) => calls.publish(tenant, text, ["chat"])));
    const facts = await Promise.all(
      hashes.map((hash) => call(stack, "GET", `/privacy/v1/notices/${hash}`, { key: tenant.key, headers: { accept: "application/json" } })),
    );
    expect(new Set(facts.map(({ body }) => body.version)).size).toBe(4);
    expect(facts.map(({ body }) => body.text)).toEqual(texts);
  });
});
