import { unseal } from "@weir/domain/crypto/seal";
import { WeirError } from "@weir/domain/errors";
import { fromOpenAi } from "@weir/domain/inference/usage";
import { egress } from "@weir/http/egress";
import type { Env } from "../env.ts";
import type { ChatCall, ChatDelta, FinishReason, Provider } from "./provider.ts";
import { readEvents } from "./server-sent-events.ts";

const FIRST_BYTE_TIMEOUT_MS = 60_000;

/** vLLM, llama.cpp, Ollama, or any vendor that speaks OpenAI's chat completions. Always streams upstream, and always asks for usage. */
export const openAiCompatible: Provider = {
  async *chat(env, call) {
    const response = await egress(env, chatUrl(call), await requestOf(env, call), { timeoutMs: FIRST_BYTE_TIMEOUT_MS });
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
};

function chatUrl(call: ChatCall): string {
  return `${(call.deployment.baseUrl ?? "").replace(/\/$/, "")}/chat/completions`;
}

async function requestOf(env: Env, call: ChatCall): Promise<RequestInit> {
  const { deployment } = call;
  const headers = new Headers({ "content-type": "application/json", "x-request-id": call.request });
  if (deployment.credentialSealed !== null) {
    headers.set("authorization", `Bearer ${await unseal(env.CELL_KEY, "credential", call.tenant, deployment.credentialSealed)}`);
  }
  const body = {
    model: deployment.upstreamModel,
    messages: call.messages,
    max_tokens: call.maxTokens,
    stream: true,
    stream_options: { include_usage: true },
    temperature: call.temperature,
    top_p: call.topP,
    seed: call.seed,
    stop: call.stop.length > 0 ? call.stop : undefined,
  };
  return { method: "POST", headers, body: JSON.stringify(body), signal: call.signal };
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
  let parsed: unknown;
  try {
    parsed = JSON.parse(data);
  } catch (error) {
    throw new WeirError("upstream_failed", "The provider sent something that is not JSON.", { cause: error });
  }
  if (typeof parsed !== "object" || parsed === null)
    throw new WeirError("upstream_failed", "The provider sent something that is not a chunk.");
  const chunk: Chunk = parsed;
  return Array.isArray(chunk.choices) ? chunk : { ...chunk, choices: [] };
}

function finishReason(reason: unknown): FinishReason | undefined {
  if (typeof reason !== "string" || reason === "") return undefined;
  return reason === "length" || reason === "tool_calls" || reason === "content_filter" ? reason : "stop";
}
