import { WeirError } from "@weir/domain/errors";
import { isId } from "@weir/domain/ids";
import { envelope } from "@weir/events/envelope";
import { inferenceCompleted } from "@weir/events/inference-completed";
import { inferenceDenied } from "@weir/events/inference-denied";
import { logOf } from "@weir/http/log-client";
import type { Env } from "./env.ts";

/** How a past request was decided, and by which version of the policy: read from the tenant's own audit log. */
export async function explainDecision(env: Env, tenant: string, request: string) {
  // Only what is the id of a request: the log holds other events under other ids.
  const text = isId("request", request) ? await askLog(env, tenant, request) : undefined;
  const explanation = text === undefined ? undefined : explain(request, JSON.parse(text));
  if (!explanation) throw new WeirError("not_found", "Nothing with this id is found.");
  return explanation;
}

/** Undefined for an event that tells of no decision. */
export function explain(request: string, event: unknown) {
  const { type, data } = envelope.parse(event);
  if (type === inferenceCompleted.type) {
    const { model, deployment, region, country, purpose, basis, policy_version, considered } = inferenceCompleted.schema.parse(data);
    return {
      request,
      decision: "allow" as const,
      code: null,
      model,
      deployment,
      region,
      country,
      purpose,
      basis,
      policy_version,
      deployments: considered,
    };
  }
  if (type === inferenceDenied.type) {
    const { code, model, country, purpose, policy_version, considered } = inferenceDenied.schema.parse(data);
    const nowhere = { deployment: null, region: null };
    return {
      request,
      decision: "deny" as const,
      code,
      model,
      ...nowhere,
      country,
      purpose,
      basis: null,
      policy_version,
      deployments: considered,
    };
  }
  return undefined;
}

async function askLog(env: Env, tenant: string, eventId: string): Promise<string | undefined> {
  try {
    return await logOf(env, tenant).event(tenant, eventId);
  } catch (error) {
    throw new WeirError("unavailable", "The audit log cannot be asked right now.", { retryAfterSeconds: 1, cause: error });
  }
}
