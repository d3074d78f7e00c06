import { WeirError } from "@weir/domain/errors";
import { noUsage } from "@weir/domain/inference/usage";
import { newKey } from "@weir/domain/keys";
import { expect, test, vi } from "vitest";
import type { AdmissionQuestion, Outcome } from "./admission.ts";
import type { RequestFacts } from "./admit-request.ts";
import { parseEmbeddingRequest } from "./embedding-request.ts";
import { createEmbeddings } from "./embedding.ts";
import type { Env } from "./env.ts";
import type { EmbedCall, Embeddings } from "./providers/provider.ts";

let embed: (call: EmbedCall) => Promise<Embeddings>;

// The providers have tests of their own; the embedded one needs WebAssembly modules, which only workerd loads.
vi.mock("./providers/registry.ts", () => ({ providerOf: () => ({ embed: (_: Env, call: EmbedCall) => embed(call) }) }));

const env: Env = Object.assign(Object.create(null), { CELL: "eu", CELL_KEY: Buffer.alloc(32, 1).toString("base64") });
const { key } = newKey("eu", "t_eu_aaaaaaaaaaaaaaaaaaaaaaaaaa");
const usage = { ...noUsage, input: 4 };
const used = (input: number, finish: Outcome["finish"], estimated = false) => ({ usage: { ...noUsage, input }, estimated, finish });

/** A request of two texts that was admitted, with what is settled for it. */
async function ask(body: object = {}, facts: Partial<RequestFacts> = {}) {
  const questions: AdmissionQuestion[] = [];
  const settled: Outcome[] = [];
  const picosPerToken = { input: 1n, cached_input: 1n, cache_write: 1n, output: 1n, reasoning: 1n, audio: 1n, image: 1n };
  const deployment = {
    id: "dep_eu_1",
    model: "m",
    provider: "openai-compatible" as const,
    baseUrl: null,
    credentialSealed: null,
    upstreamModel: "m",
    maxOutputTokens: 9,
    region: "de",
    priceVersion: "price_eu_1",
    price: { currency: "USD", picosPerToken },
  };
  const admission = {
    async admit(question: AdmissionQuestion) {
      questions.push(question);
      return { admitted: true as const, deployment, maxTokens: 0, purpose: "chat", basis: "contract", policyVersion: 1 };
    },
    async settle(_tenant: string, _request: string, outcome: Outcome) {
      settled.push(outcome);
    },
  };
  const all = { id: "req_eu_1", authorization: `Bearer ${key}`, subject: undefined, purpose: undefined, country: undefined };
  const { signal } = new AbortController();
  const request = parseEmbeddingRequest({ model: "m", input: ["one", "two"], ...body });
  const answer = createEmbeddings(env, { waitUntil: () => undefined }, admission, { ...all, signal, ...facts }, request);
  return { questions, settled, answer: await answer.catch((error: unknown) => error) };
}

test("asks to be admitted for embeddings, with the most that the texts can count as and no answer", async () => {
  embed = async () => ({ vectors: [Float32Array.of(1), Float32Array.of(0)], usage });
  const { questions, settled } = await ask({ user: "ada" });
  expect(questions).toMatchObject([{ task: "embeddings", model: "m", inputTokens: 6 + 3 * 16, maxTokens: 0 }]);
  expect(questions[0]?.subjectIndex).toEqual(expect.any(String));
  expect(settled).toEqual([used(4, "stop")]);
});

test("an answer without a report is estimated at four bytes a token, and marked", async () => {
  embed = async () => ({ vectors: [Float32Array.of(1), Float32Array.of(0)], usage: undefined });
  expect((await ask()).settled).toEqual([used(2, "stop", true)]);
});

test.each([
  { what: "too few vectors", vectors: [Float32Array.of(1)] },
  { what: "vectors of different lengths", vectors: [Float32Array.of(1), Float32Array.of(1, 2)] },
  { what: "empty vectors", vectors: [new Float32Array(), new Float32Array()] },
  { what: "another length than was asked for", vectors: [Float32Array.of(1), Float32Array.of(0)], dimensions: 512 },
])("$what are a failure of the provider that costs nothing", async ({ vectors, dimensions }) => {
  embed = async () => ({ vectors, usage });
  const { settled, answer } = await ask({ dimensions });
  expect(answer).toMatchObject({ code: "upstream_failed" });
  expect(settled).toEqual([used(0, "error")]);
});

test("a caller who leaves has the provider stopped, and pays nothing, once", async () => {
  const caller = new AbortController();
  embed = ({ signal }) =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(new WeirError("upstream_failed", "The connection broke.")));
      caller.abort();
    });
  expect((await ask({}, { signal: caller.signal })).settled).toEqual([used(0, "cancelled")]);
});
