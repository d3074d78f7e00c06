import { verifyEventProof, type EventProof } from "@weir/domain/compliance/event-proof";
import { logOfTenant } from "@weir/domain/ids";
import OpenAI from "openai";
import { apiOf, eventually, type Api } from "./api.ts";
import type { Demo } from "./demo.ts";

const QUESTION = "where is my order A-48213?";

interface Explanation {
  decision: string;
  deployment: string;
  region: string;
  purpose: string;
  basis: string;
  policy_version: number;
  deployments: { id: string; eligible: boolean; reasons: string[] }[];
}

interface Invoice {
  lines: {
    model: string;
    region: string;
    bucket: string;
    quantity: string;
    unit_price_per_million: string;
    exact_amount: string;
    currency: string;
  }[];
  totals: { amount: string; exact_amount: string; currency: string }[];
}

interface UsageEvent {
  data: { price_version: string; usage: Record<string, number> };
}

/** Sends one real request through the whole chain, and tells what the chain did with it. */
export async function tellStory(url: string, demo: Demo, say: (line: string) => void): Promise<void> {
  const api = apiOf(url, demo.api_key);
  const { requestId, answer } = await ask(url, demo, say);
  const why = await eventually(
    () => api.get<Explanation>(`/privacy/v1/residency/explain/${requestId}`).catch(() => undefined),
    "The decision",
  );
  say(`  served by    ${why.deployment} in ${why.region}, policy version ${why.policy_version}`);
  for (const { id, reasons } of why.deployments.filter((deployment) => !deployment.eligible))
    say(`  not by       ${id}: ${reasons.join("; ")}`);
  say(`  allowed by   purpose "${why.purpose}" on the basis ${why.basis}`);
  const used = await eventually(
    () => api.get<{ event: UsageEvent; flush: number | null }>(`/metering/v1/requests/${requestId}`).catch(() => undefined),
    "The usage event",
  );
  const counted = Object.entries(used.event.data.usage).filter(([, tokens]) => tokens > 0);
  say(`  tokens       ${counted.map(([bucket, tokens]) => `${tokens} ${bucket}`).join(", ")} (${answer.length} characters)`);
  await tellProof(url, demo, api, requestId, say);
  await tellMoney(api, demo, say);
}

async function ask(url: string, demo: Demo, say: (line: string) => void): Promise<{ requestId: string; answer: string }> {
  const client = new OpenAI({ apiKey: demo.api_key, baseURL: `${url}/v1` });
  say(`\n  ${demo.subject} asks   ${QUESTION}`);
  const started = performance.now();
  const { data: stream, response } = await client.chat.completions
    .create(
      { model: "chat", stream: true, stream_options: { include_usage: true }, messages: [{ role: "user", content: QUESTION }] },
      { headers: { "x-weir-subject": demo.subject } },
    )
    .withResponse();
  let answer = "";
  for await (const chunk of stream) answer += chunk.choices[0]?.delta.content ?? "";
  say(`  the answer   ${answer}`);
  say(`               (streamed in ${Math.round(performance.now() - started)} ms with the official OpenAI client)`);
  const requestId = response.headers.get("x-request-id") ?? "";
  say(`  request      ${requestId}`);
  return { requestId, answer };
}

/** Checks the proof here, with the log's public key alone: nothing that the server says about it is believed. */
async function tellProof(url: string, demo: Demo, api: Api, requestId: string, say: (line: string) => void): Promise<void> {
  const proof = await eventually(() => api.get<EventProof>(`/compliance/v1/proofs/${requestId}`).catch(() => undefined), "The proof");
  const log = logOfTenant(demo.tenant);
  const key = await fetch(`${url}/audit/${log}/vkey`, { headers: { authorization: `Bearer ${demo.api_key}` } });
  const verdict = await verifyEventProof(proof, (await key.text()).trim());
  if (!verdict.ok) throw new Error(`The audit log's proof does not verify: ${verdict.reason}`);
  say(`  audit log    leaf ${proof.index} in ${log}; proof verified here with the log's public key alone`);
}

interface Balance {
  available: string;
  held: string;
  spent: string;
  currency: string;
}

async function tellMoney(api: Api, demo: Demo, say: (line: string) => void): Promise<void> {
  const account = `/billing/v1/tenants/${demo.tenant}`;
  // Nothing is held any more once the usage is settled and the rest of the reservation is back.
  const balance = await eventually(async () => {
    const now = await api.get<Balance>(`${account}/balance`);
    return now.held === "0" && now.spent !== "0" ? now : undefined;
  }, "The settled balance");
  const invoice = await api.get<Invoice>(`${account}/invoices/preview`);
  for (const line of invoice.lines) {
    say(
      `  invoice      ${line.model} in ${line.region}: ${line.quantity} ${line.bucket} at ${line.unit_price_per_million} ${line.currency} a million = ${line.exact_amount}`,
    );
  }
  for (const total of invoice.totals)
    say(`  so far       ${total.exact_amount} ${total.currency} exactly, ${total.amount} ${total.currency} on the invoice`);
  say(`  credit       ${balance.available} available, ${balance.held} held, ${balance.spent} spent, in ${balance.currency}`);
}
