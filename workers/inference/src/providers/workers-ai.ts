import { WeirError } from "@weir/domain/errors";
import { fromWorkersAi } from "@weir/domain/inference/usage";
import type { ChatCall, ChatDelta, Provider } from "./provider.ts";
import { deltasOf, textOf } from "./openai-compatible.ts";
import { readEvents } from "./server-sent-events.ts";

/**
 * Workers AI, the GPUs at the edge, through the `AI` binding (developers.cloudflare.com/workers-ai). Older models stream
 * `{ response, usage }`, newer ones OpenAI's chunks; both end with `[DONE]`, and the last chunk that carries usage counts.
 */
export const workersAi: Provider = {
  async *chat(env, call) {
    if (!env.AI) throw new WeirError("upstream_failed", "Workers AI is not bound in this environment.");
    const stream = await runModel(env.AI, call);
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
};

async function runModel(ai: Ai, call: ChatCall): Promise<ReadableStream<Uint8Array>> {
  const input = {
    messages: call.messages,
    max_tokens: call.maxTokens,
    stream: true,
    temperature: call.temperature,
    top_p: call.topP,
    seed: call.seed,
  };
  let answer: unknown;
  try {
    // The catalogue of model names is Cloudflare's and grows; the binding's type knows only those of its build.
    const run: (model: string, input: object) => Promise<unknown> = ai.run.bind(ai);
    answer = await run(call.deployment.upstreamModel, input);
  } catch (error) {
    throw new WeirError("upstream_failed", "Workers AI did not run the model.", { cause: error });
  }
  if (!(answer instanceof ReadableStream)) throw new WeirError("upstream_failed", "Workers AI did not answer with a stream.");
  return answer;
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
