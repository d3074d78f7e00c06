import { keyedIndex } from "@weir/domain/crypto/seal";
import { WeirError } from "@weir/domain/errors";
import { isId } from "@weir/domain/ids";
import { noUsage } from "@weir/domain/inference/usage";
import { hashKey, OPERATOR, parseKey } from "@weir/domain/keys";
import { bearerKey } from "@weir/http/auth";
import type { Background } from "@weir/http/commit";
import type { Admission, AdmissionQuestion, Outcome } from "./admission.ts";
import type { Env } from "./env.ts";
import type { DeploymentRoute } from "./snapshot.ts";
import { subjectReference } from "./subject-of-request.ts";

/** What the pipeline reads of the HTTP request beside its body. */
export interface RequestFacts {
  id: string;
  authorization: string | undefined;
  subject: string | undefined;
  purpose: string | undefined;
  country: string | undefined;
  /** Aborted when the caller is gone. */
  signal: AbortSignal;
}

/** What the pipeline reads of the body, whatever is asked for. */
export interface Asked extends Pick<AdmissionQuestion, "task" | "model" | "inputTokens" | "maxTokens"> {
  user?: string | undefined;
  safety_identifier?: string | undefined;
}

/** A request that was admitted and has not ended. */
export interface RunningRequest {
  tenant: string;
  deployment: DeploymentRoute;
  maxTokens: number;
  /** Says which deployment answers, and where. */
  headers: Record<string, string>;
  /** Aborted when the provider shall stop. */
  signal: AbortSignal;
  /** Ends it: what was used is charged. Once, since the end, a failure and a caller who leaves can come together. */
  settle: (outcome: Outcome) => void;
  /** Ends it because nobody waits for it any more: the provider is told, and what was produced until now is charged. */
  leave: (outcome: Outcome) => void;
}

// Longer than any answer takes; a hold that is older belongs to a process that died.
const MAX_DURATION_MS = 10 * 60_000;

/** Has a request admitted, or throws why not: then no provider was asked, and nothing is to be settled. */
export async function admitRequest(
  env: Env,
  background: Background,
  admission: Admission,
  facts: RequestFacts,
  asked: Asked,
): Promise<RunningRequest> {
  const key = bearerKey(facts.authorization);
  const parsed = parseKey(key);
  // The check code is verified before any hop: garbage never wakes an object.
  if (!parsed || parsed.tenant === OPERATOR)
    throw new WeirError("invalid_api_key", "This is not an API key for models: it is mistyped or cut.");
  if (parsed.cell !== env.CELL)
    throw new WeirError("cell_mismatch", `The key belongs to the cell \`${parsed.cell}\`, the address to \`${env.CELL}\`.`);
  const { tenant } = parsed;
  const reference = subjectReference({ header: facts.subject, safety_identifier: asked.safety_identifier, user: asked.user });
  const answer = await admission.admit({
    request: facts.id,
    tenant,
    key: { id: parsed.id, hash: await hashKey(key) },
    task: asked.task,
    model: asked.model,
    purpose: facts.purpose,
    subjectIndex: reference === undefined ? undefined : await indexOf(env, tenant, reference),
    country: facts.country,
    inputTokens: asked.inputTokens,
    maxTokens: asked.maxTokens,
  });
  if (!answer.admitted) {
    throw new WeirError(answer.code, answer.message, {
      ...(answer.param === undefined ? {} : { param: answer.param }),
      ...(answer.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: answer.retryAfterSeconds }),
      ...(answer.considered.length === 0 ? {} : { extra: { deployments: answer.considered } }),
    });
  }
  const { deployment, maxTokens } = answer;
  const headers = { "x-weir-region": deployment.region, "x-weir-model": asked.model, "x-weir-deployment": deployment.id };
  const ends = endOnce((outcome) => background.waitUntil(admission.settle(tenant, facts.id, outcome)));
  if (facts.signal.aborted) {
    // Gone while it waited for admission: an abort that has happened is not told again.
    ends.leave({ usage: noUsage, estimated: false, finish: "cancelled" });
    throw new WeirError("unavailable", "The caller left before the answer began.");
  }
  return { tenant, deployment, maxTokens, headers, ...ends };
}

/** A person is found by the tenant's own reference, or by the pseudonym that consent records give. */
async function indexOf(env: Env, tenant: string, reference: string): Promise<string> {
  return isId("subject", reference) ? reference : keyedIndex(env.CELL_KEY, "reference-index", tenant, reference);
}

function endOnce(end: (outcome: Outcome) => void): Pick<RunningRequest, "signal" | "settle" | "leave"> {
  const abort = new AbortController();
  const timer = setTimeout(
    () => abort.abort(new WeirError("upstream_timeout", "The answer took longer than ten minutes.")),
    MAX_DURATION_MS,
  );
  let ended = false;
  // Not awaited by whoever answers: what was used is already held, and a process that dies here leaves the hold to be seen.
  const settle = (outcome: Outcome) => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    end(outcome);
  };
  const leave = (outcome: Outcome) => {
    settle(outcome);
    abort.abort();
  };
  return { signal: abort.signal, settle, leave };
}
