import { WeirError } from "@weir/domain/errors";
import { noUsage } from "@weir/domain/inference/usage";
import { ChatEngine, ContextLengthError } from "@weir/model/chat";
import { readGguf } from "@weir/model/gguf";
import kernel from "@weir/model/kernel.wasm";
import { IntentRouter } from "@weir/model/router";
import { OverloadedError, WeirChat } from "@weir/model/weir-chat";
import type { Env } from "../env.ts";
import type { Provider } from "./provider.ts";

/** The model that ships with Weir, run inside the isolate. What a request uses is counted by the model's own tokenizer. */
export const embedded: Provider = {
  async *chat(env, call) {
    if (call.deployment.upstreamModel !== "weir-chat") {
      throw new WeirError("upstream_failed", `There is no embedded model \`${call.deployment.upstreamModel}\`, only \`weir-chat\`.`);
    }
    const chat = await loadedChat(env);
    const host = { now: Date.now, sleep, yieldToHost: () => sleep(0), signal: call.signal };
    const { maxTokens, temperature, topP, seed, stop } = call;
    const options = {
      maxTokens,
      stop,
      ...(temperature !== undefined && { temperature }),
      ...(topP !== undefined && { topP }),
      ...(seed !== undefined && { seed }),
    };
    try {
      for await (const event of chat.reply(call.tenant, call.messages, options, host)) {
        if (event.type === "delta") yield { type: "text", text: event.text };
        else {
          yield { type: "usage", usage: { ...noUsage, input: event.usage.inputTokens, output: event.usage.outputTokens } };
          yield { type: "finish", reason: event.finishReason };
        }
      }
    } catch (error) {
      if (error instanceof OverloadedError) throw new WeirError("overloaded", error.message, { retryAfterSeconds: 1 });
      if (error instanceof ContextLengthError) {
        throw new WeirError("context_length_exceeded", error.message, { param: "messages" });
      }
      throw error;
    }
  },
};

const LOAD_PATIENCE_MS = 2_000;

// Shared by the isolate's requests as plain data; never a promise, which only the request that made it may await.
let loaded: WeirChat | undefined;
let loadingSince = 0;

async function loadedChat(env: Env): Promise<WeirChat> {
  if (loaded) return loaded;
  // While another request reads the weights, wait for what it leaves behind; if it died meanwhile, read them here.
  for (; Date.now() - loadingSince < LOAD_PATIENCE_MS; await sleep(5)) if (loaded) return loaded;
  loadingSince = Date.now();
  const [weights, router] = await Promise.all([asset(env, "weir-chat.gguf"), asset(env, "router.json")]);
  const engine = new ChatEngine(readGguf(await weights.arrayBuffer()), kernel);
  loaded = new WeirChat(engine, new IntentRouter(await router.json()));
  return loaded;
}

async function asset(env: Env, file: string): Promise<Response> {
  const response = await env.ASSETS.fetch(`https://assets.invalid/${file}`);
  if (!response.ok) throw new WeirError("upstream_failed", `The embedded model's file ${file} cannot be read.`);
  return response;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
