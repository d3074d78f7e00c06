import { describe, expect, test } from "vitest";
import type { Env } from "../env.ts";
import type { ChatCall, ChatDelta } from "./provider.ts";
import { workersAi } from "./workers-ai.ts";

const call: ChatCall = {
  request: "req_eu_1",
  tenant: "t_eu_1",
  deployment: {
    id: "dep_eu_1",
    model: "chat",
    provider: "workers-ai",
    baseUrl: null,
    credentialSealed: null,
    upstreamModel: "@cf/meta/llama-3.1-8b-instruct",
    maxOutputTokens: 64,
    region: "*",
    priceVersion: "price_eu_1",
    price: {
      currency: "USD",
      picosPerToken: { input: 1n, cached_input: 1n, cache_write: 1n, output: 1n, reasoning: 1n, audio: 1n, image: 1n },
    },
  },
  messages: [{ role: "user", content: "Hello" }],
  maxTokens: 64,
  temperature: 0.5,
  topP: undefined,
  seed: 7,
  stop: [],
  signal: new AbortController().signal,
};

const USAGE = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7, prompt_tokens_details: { cached_tokens: 0 } };
const COUNTED = { input: 5, cached_input: 0, cache_write: 0, output: 2, reasoning: 0, audio: 0, image: 0 };

/** The `AI` binding as far as text generation goes (developers.cloudflare.com/workers-ai): `run(model, input)`. */
function bindingThat(run: (model: string, input: Record<string, unknown>) => Promise<unknown>): Env {
  return Object.assign(Object.create(null), { CELL: "eu", ENVIRONMENT: "production", AI: { run } });
}

function streaming(...events: (object | string)[]): Env {
  const text = events.map((event) => `data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`).join("");
  return bindingThat(async () => new Blob([text]).stream());
}

const choice = (delta: object, finish_reason: string | null = null) => ({ choices: [{ index: 0, delta, finish_reason }] });

async function deltasOf(env: Env): Promise<ChatDelta[]> {
  const deltas: ChatDelta[] = [];
  for await (const delta of workersAi.chat(env, call)) deltas.push(delta);
  return deltas;
}

describe("Workers AI", () => {
  test("is asked for a stream of the deployment's model, with the sampling that was asked for", async () => {
    const asked: unknown[] = [];
    const env = bindingThat(async (model, input) => {
      asked.push(model, input);
      return new Blob(["data: [DONE]\n\n"]).stream();
    });
    await deltasOf(env);
    expect(asked).toEqual([
      "@cf/meta/llama-3.1-8b-instruct",
      { messages: call.messages, max_tokens: 64, stream: true, temperature: 0.5, top_p: undefined, seed: 7 },
    ]);
  });

  test("streams its own form: pieces of `response`, then usage", async () => {
    const env = streaming({ response: "Hel", p: "abcd" }, { response: "lo" }, { response: "", usage: USAGE }, "[DONE]");
    expect(await deltasOf(env)).toEqual([
      { type: "text", text: "Hel" },
      { type: "text", text: "lo" },
      { type: "usage", usage: COUNTED },
    ]);
  });

  test("streams OpenAI's form: deltas, a reason, usage", async () => {
    const env = streaming(
      choice({ role: "assistant", content: "" }),
      choice({ content: "Hello" }),
      choice({}, "length"),
      { choices: [], usage: USAGE },
      "[DONE]",
    );
    expect(await deltasOf(env)).toEqual([
      { type: "text", text: "Hello" },
      { type: "finish", reason: "length" },
      { type: "usage", usage: COUNTED },
    ]);
  });

  test("may report usage on every chunk: the last report comes last", async () => {
    const partial = (completion_tokens: number) => ({
      usage: { prompt_tokens: 5, completion_tokens, total_tokens: 5 + completion_tokens },
    });
    const env = streaming({ response: "a", ...partial(1) }, { response: "b", ...partial(2) }, "[DONE]");
    expect((await deltasOf(env)).findLast((delta) => delta.type === "usage")).toEqual({ type: "usage", usage: COUNTED });
  });

  test("may report nothing, or nonsense: no usage is given, so that it is estimated", async () => {
    for (const usage of [undefined, null, "lots", { prompt_tokens: -1, completion_tokens: 1 }]) {
      expect(await deltasOf(streaming({ response: "a", usage }, "[DONE]"))).toEqual([{ type: "text", text: "a" }]);
    }
  });

  test("sends tokens that look like numbers as numbers: no digit is lost, in either form", async () => {
    const texts = async (env: Env) => (await deltasOf(env)).map((delta) => (delta.type === "text" ? delta.text : "")).join("");
    expect(await texts(streaming({ response: "[" }, { response: 1 }, { response: "]" }, { response: 0.005 }, "[DONE]"))).toBe("[1]0.005");
    expect(await texts(streaming(choice({ content: "[" }), choice({ content: 6 }), choice({ content: "]" }), "[DONE]"))).toBe("[6]");
  });

  test("whose text quotes OpenAI's field names is still read as its own form", async () => {
    expect(await deltasOf(streaming({ response: '{"choices": []}' }, "[DONE]"))).toEqual([{ type: "text", text: '{"choices": []}' }]);
  });

  test.each([
    { what: "does not run", env: bindingThat(() => Promise.reject(new Error("3040: Capacity temporarily exceeded, account 4711"))) },
    { what: "answers with something that is no stream", env: bindingThat(async () => ({ response: "Hello" })) },
    { what: "sends something that is not JSON", env: streaming("<html>") },
    { what: "sends a number for a chunk, and no end", env: streaming("7") },
    { what: "ends without a reason and without [DONE]", env: streaming({ response: "Hel" }) },
    { what: "breaks off with an error", env: streaming({ response: "Hel" }, { ...choice({}), error: { message: "account 4711" } }) },
    {
      what: "is not bound",
      env: Object.assign(
        bindingThat(async () => null),
        { AI: undefined },
      ),
    },
  ])("that $what is a failure of the provider, in words that name no account", async ({ env }) => {
    await expect(deltasOf(env)).rejects.toMatchObject({ code: "upstream_failed", message: expect.not.stringContaining("4711") });
  });
});

describe("Workers AI's embeddings", () => {
  const { request, tenant, deployment, signal } = call;
  const textsOf = (count: number) => Array.from({ length: count }, (_, index) => String(index));
  const embed = (env: Env, texts: string[], dimensions?: number) =>
    workersAi.embed(env, {
      request,
      tenant,
      deployment: { ...deployment, upstreamModel: "@cf/baai/bge-base-en-v1.5" },
      texts,
      dimensions,
      signal,
    });
  const vectorsFor = (input: Record<string, unknown>) =>
    (Array.isArray(input["text"]) ? input["text"] : []).map((text) => [Number(text), 1]);

  test("are asked for by the hundred, and keep the order of the texts", async () => {
    const asked: [string, number][] = [];
    const env = bindingThat(async (model, input) => {
      asked.push([model, vectorsFor(input).length]);
      return { shape: [1, 2], data: vectorsFor(input), pooling: "mean" };
    });
    const { vectors, usage } = await embed(env, textsOf(250));
    expect(asked).toEqual([100, 100, 50].map((count) => ["@cf/baai/bge-base-en-v1.5", count]));
    expect(vectors).toEqual(textsOf(250).map((text) => Float32Array.of(Number(text), 1)));
    // The bge models report nothing, so it is estimated.
    expect(usage).toBeUndefined();
  });

  test("are counted by its report where every part has one", async () => {
    const env = bindingThat(async (_, input) => ({ data: vectorsFor(input), usage: { prompt_tokens: 5, total_tokens: 5 } }));
    expect((await embed(env, textsOf(101))).usage).toMatchObject({ input: 10, output: 0 });
  });

  test("have the model's own length: another cannot be asked for", async () => {
    const env = bindingThat(() => Promise.reject(new Error("It was asked")));
    await expect(embed(env, ["a"], 512)).rejects.toMatchObject({ code: "unsupported_parameter", details: { param: "dimensions" } });
  });

  test.each([
    { what: "fails", run: () => Promise.reject(new Error("account 4711")) },
    { what: "answers with fewer vectors", run: async () => ({ data: [[1]] }) },
    { what: "answers with something else", run: async () => ({ response: "Hello" }) },
  ])("that $what is a failure of the provider", async ({ run }) => {
    await expect(embed(bindingThat(run), ["a", "b"])).rejects.toMatchObject({
      code: "upstream_failed",
      message: expect.not.stringContaining("4711"),
    });
  });
});
