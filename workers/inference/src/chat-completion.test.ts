import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { WeirError } from "@weir/domain/errors";
import { noUsage } from "@weir/domain/inference/usage";
import { newKey } from "@weir/domain/keys";
import { parse } from "smol-toml";
import { describe, expect, test, vi } from "vitest";
import type { Admission, AdmissionQuestion, Outcome } from "./admission.ts";
import type { RequestFacts } from "./admit-request.ts";
import { completeChat } from "./chat-completion.ts";
import { parseChatRequest } from "./chat-request.ts";
import type { Env } from "./env.ts";
import type { ChatCall, ChatDelta } from "./providers/provider.ts";

let chat: (call: ChatCall) => AsyncIterable<ChatDelta>;

// The providers have tests of their own; the embedded one needs WebAssembly modules, which only workerd loads.
vi.mock("./providers/registry.ts", () => ({ providerOf: () => ({ chat: (_: Env, call: ChatCall) => chat(call) }) }));

const env: Env = Object.assign(Object.create(null), { CELL: "eu", CELL_KEY: Buffer.alloc(32, 1).toString("base64") });
const tenant = "t_eu_aaaaaaaaaaaaaaaaaaaaaaaaaa";
const { key } = newKey("eu", tenant);

const text = (piece: string): ChatDelta => ({ type: "text", text: piece });
const finish: ChatDelta = { type: "finish", reason: "stop" };
const used = { ...noUsage, input: 4, output: 2 };

/** A request that was admitted, with what is settled for it. */
async function ask(body: object = {}, facts: Partial<RequestFacts> = {}, admit?: Admission["admit"]) {
  const questions: AdmissionQuestion[] = [];
  const settled: Outcome[] = [];
  const background: Promise<unknown>[] = [];
  const admission: Admission = {
    async admit(question) {
      questions.push(question);
      if (admit) return admit(question);
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
      return { admitted: true, deployment, maxTokens: 9, purpose: "chat", basis: "contract", policyVersion: 1 };
    },
    async settle(_tenant, _request, outcome) {
      settled.push(outcome);
    },
  };
  const all: RequestFacts = {
    id: "req_eu_1",
    authorization: `Bearer ${key}`,
    subject: undefined,
    purpose: undefined,
    country: undefined,
    signal: new AbortController().signal,
    ...facts,
  };
  const request = parseChatRequest({ model: "m", messages: [{ role: "user", content: "Hello, you" }], ...body });
  const response = completeChat(env, { waitUntil: (work) => void background.push(work) }, admission, all, request);
  return { questions, settled, response: await response.catch((error: unknown) => error) };
}

function responseOf(answer: unknown): Response {
  if (!(answer instanceof Response)) throw new Error(`Not a response: ${String(answer)}`);
  return answer;
}

/** Says something, then waits until it is told to stop. */
async function* untilStopped(signal: AbortSignal): AsyncGenerator<ChatDelta> {
  yield text("Half an ");
  await new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new WeirError("upstream_failed", "The connection broke.")));
  });
}

describe("an answer that came to its end", () => {
  test.each([false, true])("is settled once with what the provider reported (stream: %s)", async (stream) => {
    chat = async function* () {
      yield text("Hi");
      yield finish;
      yield { type: "usage", usage: used };
    };
    const { settled, response } = await ask({ stream });
    await responseOf(response).text();
    expect(settled).toEqual([{ usage: used, estimated: false, finish: "stop" }]);
  });

  test("is counted by its last report of usage", async () => {
    chat = async function* () {
      yield { type: "usage", usage: { ...noUsage, input: 4, output: 1 } };
      yield text("Hi");
      yield { type: "usage", usage: used };
      yield finish;
    };
    expect((await ask()).settled).toEqual([{ usage: used, estimated: false, finish: "stop" }]);
  });

  test("without a report is estimated at four bytes a token, and marked", async () => {
    chat = async function* () {
      yield text("grüß dich");
      yield finish;
    };
    expect((await ask()).settled).toEqual([{ usage: { ...noUsage, input: 3, output: 3 }, estimated: true, finish: "stop" }]);
  });

  test("with an explicit zero costs nothing: a zero is a report", async () => {
    chat = async function* () {
      yield text("Hi");
      yield { type: "usage", usage: noUsage };
      yield finish;
    };
    expect((await ask()).settled).toEqual([{ usage: noUsage, estimated: false, finish: "stop" }]);
  });
});

describe("a provider that fails", () => {
  test("before it said anything is answered with a status, in a stream too, and costs nothing", async () => {
    for (const stream of [false, true]) {
      // oxlint-disable-next-line require-yield
      chat = async function* () {
        throw new WeirError("overloaded", "Busy");
      };
      const { settled, response } = await ask({ stream });
      expect(response).toMatchObject({ code: "overloaded" });
      expect(settled).toEqual([{ usage: noUsage, estimated: false, finish: "error" }]);
    }
  });

  test("in the middle of an answer in one piece costs nothing: nothing was handed over", async () => {
    chat = async function* () {
      yield { type: "usage", usage: used };
      yield text("Half an ");
      throw new WeirError("upstream_failed", "Broken");
    };
    const { settled, response } = await ask();
    expect(response).toMatchObject({ code: "upstream_failed" });
    expect(settled).toEqual([{ usage: noUsage, estimated: false, finish: "error" }]);
  });

  test("in the middle of a stream ends it with an error, no [DONE], and what was handed over is charged", async () => {
    chat = async function* () {
      yield text("Half an ");
      throw new Error("a bug, with a secret in it");
    };
    const { settled, response } = await ask({ stream: true });
    const events = (await responseOf(response).text()).trim().split("\n\n");
    expect(JSON.parse(events.at(-1)?.slice("data: ".length) ?? "")).toMatchObject({
      error: { code: "internal", type: "api_error", param: null },
    });
    expect(events.join("")).not.toMatch(/DONE|secret/);
    expect(settled).toEqual([{ usage: { ...noUsage, input: 3, output: 2 }, estimated: true, finish: "error" }]);
  });
});

describe("a caller who leaves", () => {
  test("a stream stops the provider and is charged once for what was produced", async () => {
    let stopped = false;
    chat = ({ signal }) => {
      signal.addEventListener("abort", () => {
        stopped = true;
      });
      return untilStopped(signal);
    };
    const { settled, response } = await ask({ stream: true });
    const reader = responseOf(response).body?.getReader();
    await reader?.read();
    await reader?.read();
    await reader?.cancel();
    expect(stopped).toBe(true);
    expect(settled).toEqual([{ usage: { ...noUsage, input: 3, output: 2 }, estimated: true, finish: "cancelled" }]);
  });

  test.each([false, true])("before anything was handed over stops the provider, and is settled once (stream: %s)", async (stream) => {
    const leaving = new AbortController();
    // oxlint-disable-next-line require-yield
    chat = async function* ({ signal }) {
      leaving.abort();
      signal.throwIfAborted();
    };
    const { settled } = await ask({ stream }, { signal: leaving.signal });
    expect(settled).toEqual([{ usage: noUsage, estimated: false, finish: "cancelled" }]);
  });

  test("an answer in one piece stops the provider and is charged once for what was produced", async () => {
    const leaving = new AbortController();
    chat = async function* ({ signal }) {
      yield text("Half an ");
      leaving.abort();
      signal.throwIfAborted();
    };
    const { settled } = await ask({}, { signal: leaving.signal });
    expect(settled).toEqual([{ usage: { ...noUsage, input: 3, output: 2 }, estimated: true, finish: "cancelled" }]);
  });

  test("is noticed by the worker: the flag that tells it is set", async () => {
    const config = parse(await readFile(join(import.meta.dirname, "../wrangler.toml"), "utf8"));
    expect(config["compatibility_flags"]).toContain("enable_request_signal");
  });
});

describe("admission", () => {
  test("is asked with the worst case of the prompt and the caller's limit, and never with the reference itself", async () => {
    chat = async function* () {
      yield finish;
    };
    const { questions } = await ask({ max_tokens: 5, user: "ada@example.com" }, { purpose: "chat", country: "de" });
    expect(questions).toEqual([
      expect.objectContaining({ tenant, model: "m", purpose: "chat", country: "de", inputTokens: 10 + 16 + 16, maxTokens: 5 }),
    ]);
    expect(questions[0]?.subjectIndex).toEqual(expect.any(String));
    expect(JSON.stringify(questions)).not.toMatch(/ada@example|wk_eu/);
  });

  test("gives the same person the same index, another tenant's person another", async () => {
    chat = async function* () {
      yield finish;
    };
    const other = newKey("eu", "t_eu_bbbbbbbbbbbbbbbbbbbbbbbbbb").key;
    const indexOf = async (facts: Partial<RequestFacts>) => (await ask({}, facts)).questions[0]?.subjectIndex;
    expect(await indexOf({ subject: "ada" })).toBe(await indexOf({ subject: "ada" }));
    expect(await indexOf({ subject: "ada" })).not.toBe(await indexOf({ subject: "ada", authorization: `Bearer ${other}` }));
  });

  test("that refuses reaches no provider and settles nothing", async () => {
    let called = false;
    chat = async function* () {
      called = true;
      yield finish;
    };
    const considered = [{ id: "dep_eu_1", eligible: false, reasons: ["inference: fr is outside de"] }];
    const { settled, response } = await ask({}, {}, async () => ({
      admitted: false,
      code: "residency_unavailable",
      message: "No",
      considered,
    }));
    expect(response).toMatchObject({ code: "residency_unavailable", details: { extra: { deployments: considered } } });
    expect([called, settled]).toEqual([false, []]);
  });

  test.each([
    { what: "no key", authorization: undefined, code: "invalid_api_key" },
    { what: "a mistyped key", authorization: `Bearer ${key.slice(0, -1)}`, code: "invalid_api_key" },
    { what: "the operator's key", authorization: `Bearer ${newKey("eu", "operator").key}`, code: "invalid_api_key" },
    { what: "another cell's key", authorization: `Bearer ${newKey("us", "t_us_cccccccccccccccccccccccccc").key}`, code: "cell_mismatch" },
  ])("is not asked at all with $what", async ({ authorization, code }) => {
    const { questions, response } = await ask({}, { authorization });
    expect(response).toMatchObject({ code });
    expect(questions).toEqual([]);
  });
});

describe("a caller who left while it waited for admission", () => {
  test.each([false, true])("reaches no provider and pays nothing (stream: %s)", async (stream) => {
    let asked = 0;
    chat = async function* () {
      asked++;
      yield text("Too late");
    };
    const left = new AbortController();
    left.abort();
    const { settled, response } = await ask({ stream }, { signal: left.signal });
    expect(response).toBeInstanceOf(WeirError);
    expect(asked).toBe(0);
    expect(settled).toEqual([{ usage: noUsage, estimated: false, finish: "cancelled" }]);
  });
});

test("a provider that sends without end is stopped at what the answer can have", async () => {
  let sent = 0;
  chat = async function* () {
    for (;;) {
      sent++;
      yield text("x".repeat(1_000));
    }
  };
  const { settled, response } = await ask();
  expect(response).toMatchObject({ code: "upstream_failed" });
  expect(sent).toBeLessThan(20);
  expect(settled).toMatchObject([{ finish: "error" }]);
});
