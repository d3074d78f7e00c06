import { WeirError } from "@weir/domain/errors";
import { objectInCell } from "@weir/http/jurisdiction";
import { causeOf, log } from "@weir/http/log";
import type { Admission, Outcome } from "./admission.ts";
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
    settle: (tenant, request, outcome) => settle(env, tenant, request, outcome),
  };
}

const SETTLE_ATTEMPTS = 5;

/**
 * Tells the Gate what became of a request, until it has heard: a deployment resets every object, and settling twice is settling once.
 * A fresh stub each time, since one that has failed stays broken.
 */
async function settle(env: Env, tenant: string, request: string, outcome: Outcome): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await objectInCell(env.GATE, env, tenant).settle(request, outcome);
      return;
    } catch (error) {
      if (attempt < SETTLE_ATTEMPTS) {
        await new Promise((resolve) => setTimeout(resolve, 100 * 2 ** attempt));
        continue;
      }
      log({
        level: "error",
        what: "a request could not be settled and stays listed among the holds",
        message: request,
        cause: causeOf(error),
      });
      return;
    }
  }
}
