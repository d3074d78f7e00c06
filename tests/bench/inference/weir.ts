import { bootStack, type StackOptions } from "../../../packages/cli/src/stack.ts";
import { aModel, aTenant, call } from "../../support/client.ts";
import { newSecrets, type TestStack } from "../../support/stack.ts";

export const GATEWAY = "weir-gateway";
export const INFERENCE = "weir-inference-eu";
const SUBJECT = "person-of-the-bench";
const PURPOSE = "assistance";

export interface Weir {
  stack: TestStack;
  tenant: string;
  ownerKey: string;
  /** What each request carries. */
  headers: Record<string, string>;
}

/**
 * The stack with one tenant that leaves nothing out: a key that may only call models, a residency policy, a purpose whose basis is
 * consent, a person who has given it, credit, and one deployment of the mock upstream.
 */
export async function bootWeir(upstream: string, options: Partial<StackOptions>, scripts?: Parameters<typeof bootStack>[1]): Promise<Weir> {
  const keys = await newSecrets();
  const stack = { ...(await bootStack({ vars: { EGRESS_ALLOW: upstream }, ...options, secrets: keys.secrets }, scripts)), ...keys };
  const owner = await aTenant(stack, { credit: "1000000" });
  const as = async (method: string, path: string, body: unknown) => {
    const answer = await call(stack, method, path, { key: owner.key, body });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  await aModel(stack, owner, "bench", {
    provider: "openai-compatible",
    base_url: `${upstream}/v1`,
    credential: "secret",
    upstream_model: "bench",
  });
  await as("PUT", "/privacy/v1/residency", { inference: ["eea"], unknown: "allow" });
  await as("PUT", `/privacy/v1/purposes/${PURPOSE}`, { basis: "consent" });
  const notice = await as("POST", "/privacy/v1/notices", {
    language: "en",
    text: "We use a model.",
    purposes: [PURPOSE],
    change: "material",
  });
  await as("POST", "/privacy/v1/consents", { subject: SUBJECT, purposes: [PURPOSE], decision: "given", notice: notice.hash });
  const { key } = await as("POST", `/billing/v1/tenants/${owner.id}/keys`, { name: "bench", scopes: ["inference:call"] });
  const headers = { authorization: `Bearer ${key}`, "x-weir-subject": SUBJECT, "x-weir-purpose": PURPOSE };
  return { stack, tenant: owner.id, ownerKey: owner.key, headers };
}
