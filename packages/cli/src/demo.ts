import { apiOf } from "./api.ts";
import type { CellName } from "./stack.ts";

export interface Demo {
  tenant: string;
  cell: CellName;
  api_key: string;
  subject: string;
}

const CELL = "eu";
const PRICE = { currency: "EUR", per: 1_000_000, input: "0.40", output: "1.20" };
const COST = { currency: "EUR", per: 1_000_000, input: "0.10", output: "0.30" };
const NOTICE = `Demo AI GmbH answers your questions with an AI model. We would also like to use what you write to improve the model (purpose: training).
You decide: saying no changes nothing about the answers, and you can take a yes back at any time, in one call. Officer: dpo@demo.example.`;

/**
 * A tenant as a small AI company in the EU would set it up: chat models with a deployment in Germany and one in the USA, a sentence encoder in Germany, a policy that
 * keeps inference and storage in the EU, the purposes with their bases, a notice, a person who has consented to training, and credit.
 */
export async function seedDemo(url: string, operatorKey: string): Promise<Demo> {
  const operator = apiOf(url, operatorKey);
  const tenant = await operator.send<{ id: string; owner_key: string }>("POST", "/billing/v1/tenants", {
    name: "Demo AI GmbH",
    durability: "write_ahead",
  });
  await operator.send(
    "POST",
    `/billing/v1/tenants/${tenant.id}/grants`,
    { amount: "5", currency: "EUR", kind: "prepaid" },
    { "idempotency-key": `demo-${tenant.id}` },
  );

  const owner = apiOf(url, tenant.owner_key);
  await owner.send("PUT", "/privacy/v1/residency", {
    ingress: ["*"],
    inference: ["eu"],
    storage: ["eu"],
    logs: ["eu"],
    unknown: "allow",
    training: "deny",
  });
  await owner.send("PUT", "/privacy/v1/purposes/chat", { basis: "contract" });
  await owner.send("PUT", "/privacy/v1/purposes/training", { basis: "consent" });
  const notice = await owner.send<{ hash: string }>("POST", "/privacy/v1/notices", {
    language: "en",
    text: NOTICE,
    purposes: ["training"],
    change: "material",
  });
  const subject = "customer-42";
  await owner.send("POST", "/privacy/v1/consents", { subject, purposes: ["training"], decision: "given", notice: notice.hash });

  for (const { id, name, upstream, regions } of [
    { id: "chat", name: "Support chat", upstream: "weir-chat", regions: ["de", "us"] },
    { id: "weir-chat", name: "Weir's embedded support model", upstream: "weir-chat", regions: ["de", "us"] },
    { id: "weir-embed", name: "Weir's embedded sentence encoder", upstream: "weir-embed", regions: ["de"] },
  ]) {
    await owner.send("POST", "/inference/v1/models", { id, name });
    for (const region of regions) {
      await owner.send("POST", "/inference/v1/deployments", {
        model: id,
        provider: "embedded",
        upstream_model: upstream,
        region,
        stores_in: [],
        logs_in: [],
        retention_days: 0,
        trains_on_content: false,
        price: PRICE,
        cost: COST,
        weight: 1,
      });
    }
  }
  return { tenant: tenant.id, cell: CELL, api_key: tenant.owner_key, subject };
}
