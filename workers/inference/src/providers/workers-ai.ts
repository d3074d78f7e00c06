import { z } from "@hono/zod-openapi";
import { WeirError } from "@weir/domain/errors";
import { fromWorkersAi, noUsage, totalTokens, type Usage } from "@weir/domain/inference/usage";
import type { Env } from "../env.ts";
import type { ChatCall, ChatDelta, EmbedCall, Embeddings, Provider } from "./provider.ts";
import { deltasOf, textOf } from "./openai-compatible.ts";
import { readEvents } from "./server-sent-events.ts";

/**
 * Workers AI, the GPUs at the edge, through the `AI` binding (developers.cloudflare.com/workers-ai). Older models stream
 * `{ response, usage }`, newer ones OpenAI's chunks; both end with `[DONE]`, and the last chunk that carries usage counts.
 */
export const workersAi: Provider = {
  async *chat(env, call) {
    const stream = await streamChat(bound(env), call);
    let finished = false;
    for await (const data of readEvents(stream)) {
      if (data === "[DONE]") return;
      for (const delta of isNative(data) ? nativeDeltas(data) : deltasOf(data)) {
        finished ||= delta.type === "finish";
        yield delta;
      }
    }
    // Native streams give no reason for their end, only `[DONE]`: without either the answer was cut.
    if (!finished) throw new WeirError("upstream_failed", "The stream of Workers AI ended before the answer was finished.");
  },

  async embed(env, call) {
    const ai = bound(env);
    if (call.dimensions !== undefined) {
      throw new WeirError("unsupported_parameter", "dimensions: models of Workers AI have one length each; leave it out.", {
        param: "dimensions",
      });
    }
    const parts: Embeddings[] = [];
    for (let start = 0; start < call.texts.length; start += TEXTS_PER_RUN) {
      call.signal.throwIfAborted();
      parts.push(await embedPart(ai, call, call.texts.slice(start, start + TEXTS_PER_RUN)));
    }
    return { vectors: parts.flatMap(({ vectors }) => vectors), usage: sumOf(parts.map(({ usage }) => usage)) };
  },
};

/** The most that the bge models take at once (developers.cloudflare.com/workers-ai/models/bge-base-en-v1.5). */
const TEXTS_PER_RUN = 100;

const embeddings = z.object({ data: z.array(z.array(z.number())), usage: z.unknown().optional() });

async function embedPart(ai: Ai, call: EmbedCall, texts: string[]): Promise<Embeddings> {
  const parsed = embeddings.safeParse(await run(ai, call.deployment.upstreamModel, { text: texts }));
  if (!parsed.success || parsed.data.data.length !== texts.length) {
    throw new WeirError("upstream_failed", "Workers AI did not answer with one vector for each text.");
  }
  return { vectors: parsed.data.data.map((vector) => Float32Array.from(vector)), usage: fromWorkersAi(parsed.data.usage) };
}

/** Undefined when one part has no report: then the whole is estimated. */
function sumOf(usages: (Usage | undefined)[]): Usage | undefined {
  let input = 0;
  for (const usage of usages) {
    if (usage === undefined) return undefined;
    input += totalTokens(usage);
  }
  return { ...noUsage, input };
}

function bound({ AI }: Env): Ai {
  if (!AI) throw new WeirError("upstream_failed", "Workers AI is not bound in this environment.");
  return AI;
}

async function streamChat(ai: Ai, call: ChatCall): Promise<ReadableStream<Uint8Array>> {
  const input = {
    messages: call.messages,
    max_tokens: call.maxTokens,
    stream: true,
    temperature: call.temperature,
    top_p: call.topP,
    seed: call.seed,
  };
  const answer = await run(ai, call.deployment.upstreamModel, input);
  if (!(answer instanceof ReadableStream)) throw new WeirError("upstream_failed", "Workers AI did not answer with a stream.");
  return answer;
}

async function run(ai: Ai, model: string, input: object): Promise<unknown> {
  try {
    // The catalogue of model names is Cloudflare's and grows; the binding's type knows only those of its build.
    const runAny: (model: string, input: object) => Promise<unknown> = ai.run.bind(ai);
    return await runAny(model, input);
  } catch (error) {
    throw new WeirError("upstream_failed", "Workers AI did not run the model.", { cause: error });
  }
}

function isNative(data: string): boolean {
  return !data.includes('"choices"');
}

function* nativeDeltas(data: string): Generator<ChatDelta> {
  let chunk: { response?: unknown; usage?: unknown };
  try {
    chunk = JSON.parse(data) ?? {};
  } catch (error) {
    throw new WeirError("upstream_failed", "Workers AI sent something that is not JSON.", { cause: error });
  }
  const text = textOf(chunk.response);
  if (text !== "") yield { type: "text", text };
  const usage = chunk.usage == null ? undefined : fromWorkersAi(chunk.usage);
  if (usage !== undefined) yield { type: "usage", usage };
}
