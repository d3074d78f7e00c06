import { WeirError } from "@weir/domain/errors";
import { objectInCell } from "@weir/http/jurisdiction";
import type { Admission } from "./admission.ts";
import type { Env } from "./env.ts";

/** Asks the tenant's Gate for each request. */
export function gateAdmission(env: Env): Admission {
  return {
    async admit(question) {
      try {
        return await objectInCell(env.GATE, env, question.tenant).admit(question);
      } catch (error) {
        // Without the Gate nothing is known of the key, the policy or the credit: nothing is served.
        throw new WeirError("unavailable", "Admission cannot be checked right now.", { retryAfterSeconds: 1, cause: error });
      }
    },
    settle: (tenant, request, outcome) => objectInCell(env.GATE, env, tenant).settle(request, outcome),
  };
}
