import { z } from "@hono/zod-openapi";
import { unseal } from "@weir/domain/crypto/seal";
import { WeirError } from "@weir/domain/errors";
import { fromOpenAi } from "@weir/domain/inference/usage";
import { egress } from "@weir/http/egress";
import type { Env } from "../env.ts";
import type { ChatCall, ChatDelta, EmbedCall, Embeddings, FinishReason, Provider } from "./provider.ts";
import { readEvents } from "./server-sent-events.ts";

const FIRST_BYTE_TIMEOUT_MS = 60_000;

/** vLLM, llama.cpp, Ollama, or any vendor that speaks as OpenAI does. Chats always stream upstream, and always ask for usage. */
export const openAiCompatible: Provider = {
  async *chat(env, call) {
    const response = await egress(env, urlOf(call, "chat/completions"), await requestOf(env, call, chatBody(call)), {
      timeoutMs: FIRST_BYTE_TIMEOUT_MS,
    });
    if (!response.ok || !response.body) throw await failureOf(response);
    let finished = false;
    for await (const data of readEvents(response.body)) {
      if (data === "[DONE]") return;
      for (const delta of deltasOf(data)) {
        finished ||= delta.type === "finish";
        yield delta;
      }
    }
    // A connection that just ends looks like success to most clients; it is not one unless a reason was given.
    if (!finished) throw new WeirError("upstream_failed", "The provider's stream ended before the answer was finished.");
  },

  async embed(env, call) {
    const body = {
      model: call.deployment.upstreamModel,
      input: call.texts,
      encoding_format: "float",
      dimensions: call.dimensions,
    };
    const response = await egress(env, urlOf(call, "embeddings"), await requestOf(env, call, body), { timeoutMs: FIRST_BYTE_TIMEOUT_MS });
    if (response.ok) return embeddingsOf(await response.text());
    const failure = await failureOf(response);
    if (!NO_SUCH_TASK.has(response.status)) throw failure;
    throw new WeirError("unsupported_parameter", `The provider of \`${call.deployment.model}\` serves no embeddings with this model.`, {
      param: "model",
    });
  },
};

// What servers answer whose model, or who themselves, know no embeddings.
const NO_SUCH_TASK = new Set([404, 405, 501]);

function urlOf(call: Pick<ChatCall, "deployment">, path: string): string {
  return `${(call.deployment.baseUrl ?? "").replace(/\/$/, "")}/${path}`;
}

async function requestOf(env: Env, call: ChatCall | EmbedCall, body: object): Promise<RequestInit> {
  const { deployment } = call;
  const headers = new Headers({ "content-type": "application/json", "x-request-id": call.request });
  if (deployment.credentialSealed !== null) {
    headers.set("authorization", `Bearer ${await unseal(env.CELL_KEY, "credential", call.tenant, deployment.credentialSealed)}`);
  }
  return { method: "POST", headers, body: JSON.stringify(body), signal: call.signal };
}

function chatBody(call: ChatCall): object {
  return {
    model: call.deployment.upstreamModel,
    messages: call.messages,
    max_tokens: call.maxTokens,
    stream: true,
    stream_options: { include_usage: true },
    temperature: call.temperature,
    top_p: call.topP,
    seed: call.seed,
    stop: call.stop.length > 0 ? call.stop : undefined,
  };
}

const embeddings = z.object({
  data: z.array(z.object({ index: z.number().int(), embedding: z.array(z.number()) })),
  usage: z.unknown().optional(),
});

/** The vectors of OpenAI's answer in the order of the texts, which `index` gives. */
export function embeddingsOf(text: string): Embeddings {
  const parsed = embeddings.safeParse(jsonOf(text));
  if (!parsed.success) throw new WeirError("upstream_failed", "The provider did not answer with embeddings.");
  const data = parsed.data.data.toSorted((a, b) => a.index - b.index);
  if (data.some(({ index }, place) => index !== place)) {
    throw new WeirError("upstream_failed", "The provider's embeddings are not numbered from 0 without a gap.");
  }
  return { vectors: data.map(({ embedding }) => Float32Array.from(embedding)), usage: fromOpenAi(parsed.data.usage) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new WeirError("upstream_failed", "The provider sent something that is not JSON.", { cause: error });
  }
}

/** The provider's own words stay out: they may name its account, and the tenant's customers read our errors. */
async function failureOf(response: Response): Promise<WeirError> {
  await response.body?.cancel();
  if (response.status === 429) {
    return new WeirError("overloaded", "The provider is at its limit.", { retryAfterSeconds: retryAfterOf(response) });
  }
  return new WeirError("upstream_failed", `The provider answered with status ${response.status}.`);
}

function retryAfterOf(response: Response): number {
  const seconds = Number(response.headers.get("retry-after"));
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(60, Math.ceil(seconds)) : 1;
}

/** The deltas in one event of OpenAI's stream. Usage may come on any chunk; null is not a report. */
export function deltasOf(data: string): ChatDelta[] {
  const chunk = parseChunk(data);
  // Some providers send `error: null` with every chunk.
  if (chunk.error != null) throw new WeirError("upstream_failed", "The provider broke off with an error.");
  const deltas: ChatDelta[] = [];
  const choice = chunk.choices?.[0];
  const text = textOf(choice?.delta?.content);
  if (text !== "") deltas.push({ type: "text", text });
  const reason = finishReason(choice?.finish_reason);
  if (reason !== undefined) deltas.push({ type: "finish", reason });
  const usage = chunk.usage == null ? undefined : fromOpenAi(chunk.usage);
  if (usage !== undefined) deltas.push({ type: "usage", usage });
  return deltas;
}

/** Workers AI sends a token that looks like a number as one: 6, not "6" (github.com/cloudflare/ai/issues/651). */
export function textOf(content: unknown): string {
  return typeof content === "string" || typeof content === "number" ? String(content) : "";
}

interface Chunk {
  error?: unknown;
  usage?: unknown;
  choices?: ({ delta?: { content?: unknown } | null; finish_reason?: unknown } | undefined)[] | null;
}

function parseChunk(data: string): Chunk {
  const parsed = jsonOf(data);
  if (typeof parsed !== "object" || parsed === null)
    throw new WeirError("upstream_failed", "The provider sent something that is not a chunk.");
  const chunk: Chunk = parsed;
  return Array.isArray(chunk.choices) ? chunk : { ...chunk, choices: [] };
}

function finishReason(reason: unknown): FinishReason | undefined {
  if (typeof reason !== "string" || reason === "") return undefined;
  return reason === "length" || reason === "tool_calls" || reason === "content_filter" ? reason : "stop";
}
