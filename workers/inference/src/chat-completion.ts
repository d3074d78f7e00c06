import { keyedIndex } from "@weir/domain/crypto/seal";
import { WeirError } from "@weir/domain/errors";
import { noUsage, type Usage } from "@weir/domain/inference/usage";
import { inputBoundTokens } from "@weir/domain/inference/worst-case";
import { hashKey, OPERATOR, parseKey } from "@weir/domain/keys";
import { bearerKey } from "@weir/http/auth";
import type { Background } from "@weir/http/commit";
import { toWeirError } from "@weir/http/problem";
import type { Admission, Admitted, Outcome } from "./admission.ts";
import { plainMessages, type ChatRequest } from "./chat-request.ts";
import type { Env } from "./env.ts";
import { completionBody, completionChunks } from "./openai-shapes.ts";
import type { ChatDelta, ChatMessage } from "./providers/provider.ts";
import { providerOf } from "./providers/registry.ts";
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

// Longer than any answer takes; a hold that is older belongs to a process that died.
const MAX_DURATION_MS = 10 * 60_000;

/**
 * Answers one chat completion: admitted (or refused, with no provider asked), answered by the deployment that admission chose,
 * and settled whatever became of it.
 */
export async function completeChat(
  env: Env,
  background: Background,
  admission: Admission,
  facts: RequestFacts,
  request: ChatRequest,
): Promise<Response> {
  const messages = plainMessages(request);
  const { tenant, admitted } = await admit(env, admission, facts, request, messages);
  const abort = new AbortController();
  const timer = setTimeout(
    () => abort.abort(new WeirError("upstream_timeout", "The answer took longer than ten minutes.")),
    MAX_DURATION_MS,
  );
  const answer = new Answer(messages);
  let ended = false;
  // Not awaited by whoever answers: what was used is already held, and a process that dies here leaves the hold to be seen.
  const settle = (outcome: Outcome) => {
    // Once: the end, a failure and a caller who leaves can come together.
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    background.waitUntil(admission.settle(tenant, facts.id, outcome));
  };
  // The provider is told, and what was produced until now is charged.
  const leave = () => {
    abort.abort();
    settle(answer.outcome("cancelled"));
  };
  facts.signal.addEventListener("abort", leave);
  const stream = providerOf(admitted.deployment.provider).chat(env, {
    request: facts.id,
    tenant,
    deployment: admitted.deployment,
    messages,
    maxTokens: admitted.maxTokens,
    temperature: request.temperature ?? undefined,
    topP: request.top_p ?? undefined,
    seed: request.seed ?? undefined,
    stop: typeof request.stop === "string" ? [request.stop] : (request.stop ?? []),
    signal: abort.signal,
  });
  const deltas = stream[Symbol.asyncIterator]();

  let first: IteratorResult<ChatDelta>;
  try {
    // Until the provider has said something, its failure can still be answered with a status.
    first = await deltas.next();
    if (request.stream !== true) {
      for (let next = first; !next.done; next = await deltas.next()) answer.take(next.value);
    }
  } catch (error) {
    // Nothing was handed over: whoever asks again is not charged twice for one answer.
    settle({ usage: noUsage, estimated: false, finish: "error" });
    throw error;
  }

  const headers = {
    "x-weir-region": admitted.deployment.region,
    "x-weir-model": request.model,
    "x-weir-deployment": admitted.deployment.id,
  };
  if (request.stream !== true) {
    settle(answer.outcome(answer.finish));
    return Response.json(completionBody(facts.id, request.model, answer.text, answer.finish, answer.usage, Date.now()), { headers });
  }
  const body = streamBody({ first, deltas, answer, settle, leave, facts, request });
  return new Response(body, { headers: { ...headers, "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" } });
}

async function admit(env: Env, admission: Admission, facts: RequestFacts, request: ChatRequest, messages: ChatMessage[]) {
  const key = bearerKey(facts.authorization);
  const parsed = parseKey(key);
  // The check code is verified before any hop: garbage never wakes an object.
  if (!parsed || parsed.tenant === OPERATOR)
    throw new WeirError("invalid_api_key", "This is not an API key for models: it is mistyped or cut.");
  if (parsed.cell !== env.CELL)
    throw new WeirError("cell_mismatch", `The key belongs to the cell \`${parsed.cell}\`, the address to \`${env.CELL}\`.`);
  const reference = subjectReference({ header: facts.subject, safety_identifier: request.safety_identifier, user: request.user });
  const answer = await admission.admit({
    request: facts.id,
    tenant: parsed.tenant,
    key: { id: parsed.id, hash: await hashKey(key) },
    model: request.model,
    purpose: facts.purpose,
    subjectIndex: reference === undefined ? undefined : await keyedIndex(env.CELL_KEY, "reference-index", parsed.tenant, reference),
    country: facts.country,
    inputTokens: inputBoundTokens(
      messages.map((message) => message.content),
      messages.length,
    ),
    maxTokens: request.max_completion_tokens ?? request.max_tokens ?? undefined,
  });
  if (answer.admitted) return { tenant: parsed.tenant, admitted: answer satisfies Admitted };
  throw new WeirError(answer.code, answer.message, {
    ...(answer.param === undefined ? {} : { param: answer.param }),
    ...(answer.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: answer.retryAfterSeconds }),
    ...(answer.considered.length === 0 ? {} : { extra: { deployments: answer.considered } }),
  });
}

/** What has come of an answer so far. */
class Answer {
  text = "";
  finish: Outcome["finish"] = "stop";
  #reported: Usage | undefined;
  readonly #messages: ChatMessage[];

  constructor(messages: ChatMessage[]) {
    this.#messages = messages;
  }

  take(delta: ChatDelta): void {
    if (delta.type === "text") this.text += delta.text;
    else if (delta.type === "usage") this.#reported = delta.usage;
    else this.finish = delta.reason;
  }

  /** The provider's own count; where it gives none, about four bytes a token, marked as estimated. Nothing said, nothing used. */
  get usage(): Usage {
    if (this.#reported) return this.#reported;
    if (this.text === "") return noUsage;
    const bytes = (text: string) => new TextEncoder().encode(text).length;
    const input = this.#messages.reduce((sum, message) => sum + bytes(message.content), 0);
    return { ...noUsage, input: Math.ceil(input / 4), output: Math.ceil(bytes(this.text) / 4) };
  }

  outcome(finish: Outcome["finish"]): Outcome {
    return { usage: this.usage, estimated: this.#reported === undefined && this.text !== "", finish };
  }
}

interface StreamParts {
  first: IteratorResult<ChatDelta>;
  deltas: AsyncIterator<ChatDelta>;
  answer: Answer;
  settle: (outcome: Outcome) => void;
  /** What to do when the client is gone. */
  leave: () => void;
  facts: RequestFacts;
  request: ChatRequest;
}

/** Server-sent events, one piece for each pull: a client that reads slowly slows the provider, and none is buffered. */
function streamBody({ first, deltas, answer, settle, leave, facts, request }: StreamParts): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const chunks = completionChunks(facts.id, request.model, Date.now());
  const event = (data: unknown) => encoder.encode(`data: ${JSON.stringify(data)}\n\n`);
  let next: IteratorResult<ChatDelta> | undefined = first;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(event(chunks.role()));
    },
    async pull(controller) {
      try {
        for (;;) {
          const step = next ?? (await deltas.next());
          next = undefined;
          if (step.done) break;
          answer.take(step.value);
          if (step.value.type === "text") {
            controller.enqueue(event(chunks.text(step.value.text)));
            return;
          }
        }
        controller.enqueue(event(chunks.finish(answer.finish)));
        if (request.stream_options?.include_usage === true) controller.enqueue(event(chunks.usage(answer.usage)));
        controller.enqueue(encoder.encode("data: [DONE]\n\n"));
        settle(answer.outcome(answer.finish));
      } catch (error) {
        const { code, message } = toWeirError(error);
        controller.enqueue(event(chunks.error(code, message)));
        settle(answer.outcome("error"));
      }
      controller.close();
    },
    async cancel() {
      leave();
      await deltas.return?.().catch(() => undefined);
    },
  });
}
