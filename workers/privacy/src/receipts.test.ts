import { jcsBytes } from "@weir/domain/encoding/jcs";
import { compactVerify, importJWK } from "jose";
import { describe, expect, test } from "vitest";
import type { ConsentRow } from "./consent-history.ts";
import { receiptKeySet, signReceipt } from "./receipts.ts";

const env = { CELL: "eu" as const, CELL_KEY: Buffer.alloc(32, 7).toString("base64") };
const row: ConsentRow = {
  id: "con_eu_1",
  purpose: "training",
  decision: "given",
  notice: null,
  noticeVersion: null,
  provenance: "app_asserted",
  validUntil: null,
  recordedAt: 0,
  sequence: 1,
};
const record = { "@type": "dpv:ConsentRecord", "dct:identifier": "con_eu_1" };
const facts = { record, tenant: "t_eu_1", subject: "sub_eu_1", decision: "given", rows: [row] };

async function publishedKey(of: typeof env) {
  const [jwk] = (await receiptKeySet(of)).keys;
  if (!jwk) throw new Error("no key is published");
  return importJWK(jwk);
}

describe("a receipt", () => {
  test("verifies with the published key alone and names the record by its hash", async () => {
    const { payload, protectedHeader } = await compactVerify(await signReceipt(env, facts), await publishedKey(env));
    expect(protectedHeader.alg).toBe("EdDSA");
    const digest = Buffer.from(await crypto.subtle.digest("SHA-256", jcsBytes(record))).toString("hex");
    expect(JSON.parse(Buffer.from(payload).toString())).toMatchObject({
      record: "con_eu_1",
      record_sha256: digest,
      subject: "sub_eu_1",
      decision: "given",
      recorded_at: "1970-01-01T00:00:00.000Z",
    });
  });

  test("of another cell does not verify", async () => {
    const receipt = await signReceipt({ ...env, CELL_KEY: Buffer.alloc(32, 8).toString("base64") }, facts);
    await expect(compactVerify(receipt, await publishedKey(env))).rejects.toThrow("signature verification failed");
  });

  test("is signed by the same key after a restart, and the private part is not published", async () => {
    const published = await receiptKeySet(env);
    expect(await receiptKeySet({ ...env })).toEqual(published);
    expect(Object.keys(published.keys[0] ?? {}).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x"]);
  });
});
