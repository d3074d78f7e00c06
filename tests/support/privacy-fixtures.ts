import { type Answer, call, type TestTenant } from "./client.ts";
import type { TestStack } from "./stack.ts";

/** Calls to the privacy worker and to the Gate that reads what it wrote, each by a tenant's own key. */
export function privacyCalls(stack: TestStack) {
  const as = (who: TestTenant, method: string, path: string, body?: unknown): Promise<Answer> =>
    call(stack, method, path, { key: who.key, ...(body === undefined ? {} : { body }) });

  return {
    as,
    recordPurpose: (who: TestTenant, id: string, basis = "consent", more: object = {}) =>
      as(who, "PUT", `/privacy/v1/purposes/${id}`, { basis, ...more }),

    /** Publishes a notice; its hash. */
    async publish(who: TestTenant, text: string, purposes: string[], change = "material"): Promise<string> {
      const { status, body } = await as(who, "POST", "/privacy/v1/notices", { language: "en", text, purposes, change });
      if (status !== 201) throw new Error(`No notice: ${JSON.stringify(body)}`);
      return body.hash;
    },

    choose: (who: TestTenant, subject: string, decision: string, purposes: string[], more: object = {}) =>
      as(who, "POST", "/privacy/v1/consents", { subject, purposes, decision, ...more }),

    async stateOf(who: TestTenant, subject: string): Promise<Record<string, string>> {
      return (await as(who, "GET", `/privacy/v1/subjects/${encodeURIComponent(subject)}/consents`)).body.state;
    },

    /** One short completion. */
    ask(who: TestTenant, headers: Record<string, string>): Promise<Answer> {
      const body = { model: "weir-chat", messages: [{ role: "user", content: "Hello" }], max_tokens: 4 };
      return call(stack, "POST", "/v1/chat/completions", { key: who.key, body, headers });
    },
  };
}
