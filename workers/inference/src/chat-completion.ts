import { WeirError } from "@weir/domain/errors";
import { noUsage, type Usage } from "@weir/domain/inference/usage";
import { inputBoundTokens } from "@weir/domain/inference/worst-case";
import type { Background } from "@weir/http/commit";
import { toWeirError } from "@weir/http/problem";
import { admitRequest, type RequestFacts } from "./admit-request.ts";
import type { Admission, Outcome } from "./admission.ts";
import { plainMessages, type ChatRequest } from "./chat-request.ts";
import type { Env } from "./env.ts";
import { completionBody, completionChunks } from "./openai-shapes.ts";
import type { ChatDelta, ChatMessage } from "./providers/provider.ts";
import { providerOf } from "./providers/registry.ts";

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
  const running = await admitRequest(env, background, admission, facts, {
    task: "chat",
    model: request.model,
    user: request.user,
    safety_identifier: request.safety_identifier,
    inputTokens: inputBoundTokens(
      messages.map((message) => message.content),
      messages.length,
    ),
    maxTokens: request.max_completion_tokens ?? request.max_tokens ?? undefined,
  });
  const { headers, settle } = running;
  const answer = new Answer(messages, running.maxTokens);
  const leave = () => running.leave(answer.outcome("cancelled"));
  facts.signal.addEventListener("abort", leave);
  // The time is up, whether or not the client still reads: what it was given is charged.
  running.signal.addEventListener("abort", () => settle(answer.outcome("error")));
  const stream = providerOf(running.deployment.provider).chat(env, {
    request: facts.id,
    tenant: running.tenant,
    deployment: running.deployment,
    messages,
    maxTokens: running.maxTokens,
    temperature: request.temperature ?? undefined,
    topP: request.top_p ?? undefined,
    seed: request.seed ?? undefined,
    stop: typeof request.stop === "string" ? [request.stop] : (request.stop ?? []),
    signal: running.signal,
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

  if (request.stream !== true) {
    settle(answer.outcome(answer.finish));
    return Response.json(completionBody(facts.id, request.model, answer.text, answer.finish, answer.usage, Date.now()), { headers });
  }
  const body = streamBody({ first, deltas, answer, settle, leave, facts, request });
  return new Response(body, { headers: { ...headers, "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" } });
}

/** Longer than any tokenizer's tokens are on average. */
const MAX_CHARACTERS_PER_TOKEN = 64;

/** What has come of an answer so far. */
class Answer {
  text = "";
  finish: Outcome["finish"] = "stop";
  #reported: Usage | undefined;
  readonly #messages: ChatMessage[];
  readonly #maxLength: number;

  constructor(messages: ChatMessage[], maxTokens: number) {
    this.#messages = messages;
    this.#maxLength = maxTokens * MAX_CHARACTERS_PER_TOKEN + 4_096;
  }

  /** Throws when the provider sends more than the answer can have: an endless one would fill the isolate, and be given away. */
  take(delta: ChatDelta): void {
    if (delta.type === "text") {
      if (this.text.length + delta.text.length > this.#maxLength) {
        throw new WeirError("upstream_failed", "The provider sent more than was asked for.");
      }
      this.text += delta.text;
    } else if (delta.type === "usage") this.#reported = delta.usage;
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
