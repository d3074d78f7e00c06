import { WeirError } from "@weir/domain/errors";
import { noUsage } from "@weir/domain/inference/usage";
import { ChatEngine, ContextLengthError } from "@weir/model/chat";
import { readGguf } from "@weir/model/gguf";
import kernel from "@weir/model/kernel.wasm";
import { IntentRouter } from "@weir/model/router";
import { SentenceEncoder, SentenceLengthError, UnsupportedLanguageError } from "@weir/model/sentence-encoder";
import { OverloadedError, WeirChat } from "@weir/model/weir-chat";
import type { Env } from "../env.ts";
import type { EmbedCall, Embeddings, Provider } from "./provider.ts";

/** The models that ship with Weir, run inside the isolate. What a request uses is counted by the model's own tokenizer. */
export const embedded: Provider = {
  async *chat(env, call) {
    if (call.deployment.upstreamModel !== "weir-chat") {
      throw new WeirError(
        "upstream_failed",
        `There is no embedded model \`${call.deployment.upstreamModel}\` that chats, only \`weir-chat\`.`,
      );
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

  async embed(env, call) {
    if (call.deployment.upstreamModel !== "weir-embed") {
      throw new WeirError(
        "upstream_failed",
        `The embedded model \`${call.deployment.upstreamModel}\` makes no vectors, only \`weir-embed\` does.`,
      );
    }
    return embedTexts(await loadedEncoder(env), call);
  },
};

/** Tokens that are embedded in one go before other requests of the isolate get a turn: about 15 ms. */
const TOKENS_PER_TURN = 64;

async function embedTexts(encoder: SentenceEncoder, { texts, signal }: EmbedCall): Promise<Embeddings> {
  // All are read before any is embedded: one that is refused costs no work.
  const tokens = texts.map((text, index) => tokensOf(encoder, text, texts.length === 1 ? "input" : `input[${index}]`));
  const vectors: Float32Array[] = [];
  let sinceTurn = 0;
  for (const ids of tokens) {
    sinceTurn += ids.length;
    if (sinceTurn > TOKENS_PER_TURN) {
      await sleep(0);
      signal.throwIfAborted();
      sinceTurn = ids.length;
    }
    vectors.push(encoder.embed(ids));
  }
  return { vectors, usage: { ...noUsage, input: tokens.reduce((sum, ids) => sum + ids.length, 0) } };
}

function tokensOf(encoder: SentenceEncoder, text: string, place: string): number[] {
  try {
    return encoder.tokens(text);
  } catch (error) {
    const code = error instanceof SentenceLengthError ? "context_length_exceeded" : "unsupported_language";
    if (error instanceof SentenceLengthError || error instanceof UnsupportedLanguageError)
      throw new WeirError(code, `${place}: ${error.message}`, { param: "input" });
    throw error;
  }
}

const loadedChat = loadedOnce(async (env) => {
  const [weights, router] = await Promise.all([asset(env, "weir-chat.gguf"), asset(env, "router.json")]);
  const engine = new ChatEngine(readGguf(await weights.arrayBuffer()), kernel);
  return new WeirChat(engine, new IntentRouter(await router.json()));
});

const loadedEncoder = loadedOnce(async (env) => {
  const weights = await asset(env, "weir-embed.gguf");
  return new SentenceEncoder(readGguf(await weights.arrayBuffer()), kernel);
});

const LOAD_PATIENCE_MS = 2_000;

/** Shared by the isolate's requests as plain data; never a promise, which only the request that made it may await. */
function loadedOnce<Model>(load: (env: Env) => Promise<Model>): (env: Env) => Promise<Model> {
  let loaded: Model | undefined;
  let loadingSince = 0;
  return async (env) => {
    if (loaded) return loaded;
    // While another request reads the weights, wait for what it leaves behind; if it died meanwhile, read them here.
    for (; Date.now() - loadingSince < LOAD_PATIENCE_MS; await sleep(5)) if (loaded) return loaded;
    loadingSince = Date.now();
    loaded = await load(env);
    return loaded;
  };
}

async function asset(env: Env, file: string): Promise<Response> {
  const response = await env.ASSETS.fetch(`https://assets.invalid/${file}`);
  if (!response.ok) throw new WeirError("upstream_failed", `The embedded model's file ${file} cannot be read.`);
  return response;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
