import { hashKey, newKey, OPERATOR } from "@weir/domain/keys";
import { composeApp } from "@weir/http/compose";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { bootD1, type TestDatabase } from "../../../tests/support/d1.ts";
import { billingEnv, booksOf } from "../../../tests/support/billing.ts";
import { tenants } from "./routes/tenants.ts";

vi.mock("cloudflare:workers", () => ({ WorkerEntrypoint: Object }));

const app = composeApp([tenants]);
const operator = newKey("eu", OPERATOR).key;
let database: TestDatabase;
let db: D1Database;
let billing: ReturnType<typeof billingEnv>;

beforeAll(async () => {
  database = await bootD1();
  db = database.db;
});
beforeEach(async () => {
  await database.clear();
  billing = billingEnv(db, await hashKey(operator));
});
afterAll(() => database.stop());

async function send(path: string, body: unknown, headers: Record<string, string> = {}) {
  const background: Promise<unknown>[] = [];
  const init = {
    method: "POST",
    headers: { authorization: `Bearer ${operator}`, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  };
  const response = await app.request(path, init, billing.env, {
    waitUntil: (work) => void background.push(work),
    passThroughOnException: () => {},
    props: {},
  });
  await Promise.all(background);
  return { status: response.status, body: JSON.parse(await response.text()) };
}

async function aTenant(): Promise<string> {
  return (await send("/billing/v1/tenants", { name: "A tenant" })).body.id;
}

const GRANT = { amount: "12.5", currency: "USD", kind: "prepaid" };

async function grant(tenant: string, key: string | undefined, body: object = GRANT) {
  return send(`/billing/v1/tenants/${tenant}/grants`, body, key === undefined ? {} : { "idempotency-key": key });
}

async function rowsOf(table: "ledger_transaction" | "ledger_entry" | "wallet"): Promise<number> {
  return (await db.prepare(`SELECT COUNT(*) AS rows FROM ${table}`).first<number>("rows")) ?? 0;
}

describe("a grant", () => {
  test("is in the ledger and in the wallet, tells the Gate, and is an event", async () => {
    const tenant = await aTenant();
    const { status, body } = await grant(tenant, "k1");
    expect(status).toBe(201);
    expect(body).toEqual({ id: expect.stringMatching(/^grant_eu_/), tenant, ...GRANT, created_at: expect.any(String) });
    expect(await booksOf(db, tenant)).toEqual({
      available: 12_500_000_000n,
      held: 0n,
      spent: 0n,
      remainderPicos: 0n,
      accounts: { grants_issued: -12_500_000_000n, wallet_available: 12_500_000_000n },
      unbalanced: [],
    });
    expect(billing.told).toContainEqual({ tenant, changes: ["credit"] });
    expect(billing.queues.inference.bodies).toContainEqual(
      expect.objectContaining({ events: [expect.objectContaining({ type: "credit.changed", subject: tenant })] }),
    );
  });

  test("needs an Idempotency-Key of visible characters", async () => {
    const tenant = await aTenant();
    for (const key of [undefined, "two words", "x".repeat(129)]) {
      expect(await grant(tenant, key)).toMatchObject({ status: 400, body: { code: "idempotency_key_required", param: "idempotency-key" } });
    }
    expect(await rowsOf("ledger_transaction")).toBe(0);
  });

  test("repeated with the same key, also at the same time, is the same grant and one movement of money", async () => {
    const tenant = await aTenant();
    const answers = await Promise.all(Array.from({ length: 10 }, () => grant(tenant, "k1")));
    const later = await grant(tenant, "k1");
    expect(new Set([...answers, later].map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect([await rowsOf("ledger_transaction"), await rowsOf("ledger_entry")]).toEqual([1, 2]);
    expect(await booksOf(db, tenant)).toMatchObject({ available: 12_500_000_000n });
  });

  test("with the same key and another body is refused, whatever differs", async () => {
    const tenant = await aTenant();
    await grant(tenant, "k1");
    for (const other of [{ amount: "12.6" }, { kind: "promotional" }, { amount: "12.50" }]) {
      expect(await grant(tenant, "k1", { ...GRANT, ...other })).toMatchObject({ status: 422, body: { code: "idempotency_key_reused" } });
    }
    expect(await rowsOf("ledger_transaction")).toBe(1);
  });

  test("of two tenants may carry the same key: each is made", async () => {
    const [one, two] = [await aTenant(), await aTenant()];
    const answers = [await grant(one, "k1"), await grant(two, "k1")];
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(answers[0]?.body.id).not.toBe(answers[1]?.body.id);
  });

  test.each([
    { amount: 5, status: 400 },
    { amount: "1e3", status: 400 },
    { amount: "1,50", status: 400 },
    { amount: "", status: 400 },
    { amount: "0.0000000001", status: 400 },
    { amount: "0", status: 422 },
    { amount: "-5", status: 422 },
    { amount: "1000000000.000000001", status: 422 },
  ])("of $amount is refused, naming the field, and moves nothing", async ({ amount, status }) => {
    const answer = await grant(await aTenant(), "k1", { ...GRANT, amount });
    expect(answer).toMatchObject({ status, body: { param: "amount" } });
    expect(answer.body.detail).toMatch(/^amount: /);
    expect(await rowsOf("ledger_transaction")).toBe(0);
  });

  test("of the smallest and of the largest amount is exact", async () => {
    const [small, large] = [await aTenant(), await aTenant()];
    await grant(small, "k1", { ...GRANT, amount: "0.000000001" });
    await grant(large, "k1", { ...GRANT, amount: "999999999.999999999" });
    expect(await booksOf(db, small)).toMatchObject({ available: 1n, accounts: { grants_issued: -1n } });
    expect(await booksOf(db, large)).toMatchObject({
      available: 999_999_999_999_999_999n,
      accounts: { grants_issued: -999_999_999_999_999_999n },
    });
  });

  test("in another currency than the wallet's is refused, also when two first grants race", async () => {
    const tenant = await aTenant();
    const [usd, eur] = await Promise.all([grant(tenant, "k1"), grant(tenant, "k2", { ...GRANT, currency: "EUR" })]);
    expect(new Set([usd.status, eur.status])).toEqual(new Set([201, 422]));
    expect(await rowsOf("wallet")).toBe(1);
    expect(await rowsOf("ledger_transaction")).toBe(1);
    const held = (await db.prepare("SELECT currency FROM wallet").first<string>("currency")) ?? "";
    const other = await grant(tenant, "k3", { ...GRANT, currency: held === "USD" ? "EUR" : "USD" });
    expect(other).toMatchObject({ status: 422, body: { code: "unprocessable", param: "currency", detail: expect.stringContaining(held) } });
  });

  test("to a tenant that does not exist is not found, and nothing is kept of it", async () => {
    expect(await grant("t_eu_aaaaaaaaaaaaaaaaaaaaaaaaaa", "k1")).toMatchObject({ status: 404, body: { code: "not_found" } });
    expect(await rowsOf("wallet")).toBe(0);
  });

  test.each([
    { field: "kind", body: { ...GRANT, kind: "stolen" } },
    { field: "currency", body: { ...GRANT, currency: "usd" } },
    { field: "amout", body: { ...GRANT, amout: "1" } },
  ])("with a wrong $field is refused, naming it", async ({ field, body }) => {
    expect(await grant(await aTenant(), "k1", body)).toMatchObject({ status: 400, body: { code: "invalid_request", param: field } });
  });
});
