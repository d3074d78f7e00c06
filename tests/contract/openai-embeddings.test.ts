import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aModel, aTenant, call, type TestTenant, until } from "../support/client.ts";
import { privacyCalls } from "../support/privacy-fixtures.ts";
import { bootTestStack, type TestStack } from "../support/stack.ts";
import { embeds, refuses, startUpstream, type Upstream } from "../support/upstream.ts";

// Embeddings through OpenAI's own client, pinned and unmodified. It asks for base64 unless told otherwise, and decodes it.

const MODEL = "weir-embed";
const CREDENTIAL = "the-key-of-the-upstream";
const TEXTS = ["How do I get my money back?", "The cat sat on the warm windowsill.", "I want a refund."];

let stack: TestStack;
let upstream: Upstream;
let tenant: TestTenant;

beforeAll(async () => {
  upstream = await startUpstream();
  stack = await bootTestStack({ vars: { EGRESS_ALLOW: upstream.origin } });
  tenant = await anOwner();
});

afterAll(async () => {
  await stack.stop();
  await upstream.stop();
});

/** A tenant with the embedded encoder, the embedded chat model, and an encoder of its own. */
async function anOwner(): Promise<TestTenant> {
  const owner = await aTenant(stack);
  await aModel(stack, owner, MODEL);
  await aModel(stack, owner, "weir-chat");
  const remote = { provider: "openai-compatible", base_url: upstream.url, credential: CREDENTIAL, upstream_model: "tiny-embed" };
  await aModel(stack, owner, "remote", { ...remote, region: "fr" });
  return owner;
}

const clientOf = ({ key }: TestTenant) => new OpenAI({ apiKey: key, baseURL: `${stack.url}/v1`, maxRetries: 0 });

async function embed(input: string | string[], more: Partial<OpenAI.EmbeddingCreateParams> = {}): Promise<number[][]> {
  const { data } = await clientOf(tenant).embeddings.create({ model: MODEL, input, ...more });
  return data.map(({ embedding }) => embedding);
}

function cosine(a: number[] = [], b: number[] = []): number {
  const dot = (x: number[], y: number[]) => x.reduce((sum, value, i) => sum + value * (y[i] ?? Number.NaN), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

async function refusalOf(work: PromiseLike<unknown>) {
  const error: unknown = await Promise.resolve(work).then(
    () => "nothing was thrown",
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof OpenAI.APIError)) throw new Error(`Not an APIError: ${String(error)}`);
  return error;
}

async function eventOf(request: string, owner = tenant) {
  const { body } = await until(
    () => call(stack, "GET", `/metering/v1/requests/${request}`, { key: owner.key }),
    ({ status }) => status === 200,
  );
  return body.event.data;
}

describe("vectors", () => {
  test("are the same numbers as floats and as base64, which the client asks for by itself", async () => {
    const [floats] = await embed("A weir measures a stream.", { encoding_format: "float" });
    expect(floats).toHaveLength(512);
    expect(await embed("A weir measures a stream.")).toEqual([floats]);

    const { body } = await call(stack, "POST", "/v1/embeddings", {
      key: tenant.key,
      body: { model: MODEL, input: "A weir measures a stream.", encoding_format: "base64" },
    });
    const bytes = Buffer.from(body.data[0].embedding, "base64");
    expect(Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4))).toEqual(floats);
  });

  test("come in the order of their texts, each as if asked for alone", async () => {
    const input = [...TEXTS, ...Array.from({ length: 40 }, (_, i) => `Order number ${i} has not arrived.`)];
    const { data } = await clientOf(tenant).embeddings.create({ model: MODEL, input });
    expect(data.map(({ index, object }) => [index, object])).toEqual(input.map((_, index) => [index, "embedding"]));
    for (const place of [0, 1, 2, 21, 42]) expect(data[place]?.embedding).toEqual((await embed(input[place] ?? ""))[0]);
  });

  test("of similar texts are nearer than those of unrelated ones, and have length 1", async () => {
    const [money, cat, refund] = await embed(TEXTS);
    expect(cosine(money, refund)).toBeGreaterThan(cosine(money, cat) + 0.2);
    for (const vector of [money, cat, refund]) expect(Math.hypot(...(vector ?? []))).toBeCloseTo(1, 5);
  });

  test("may be asked for with the 512 dimensions that they have", async () => {
    expect((await embed("Hello", { dimensions: 512 }))[0]).toHaveLength(512);
  });
});

test("the answer says which model and region gave it, and is OpenAI's list", async () => {
  const { data, response, request_id } = await clientOf(tenant).embeddings.create({ model: MODEL, input: TEXTS }).withResponse();
  expect(data).toMatchObject({ object: "list", model: MODEL });
  expect(Object.fromEntries(response.headers)).toMatchObject({ "x-weir-region": "de", "x-weir-model": MODEL });
  expect(response.headers.get("x-weir-deployment")).toMatch(/^dep_eu_/);
  expect(request_id).toMatch(/^req_eu_/);
});

test("tokens are counted by the model's own tokenizer and billed once", async () => {
  const owner = await anOwner();
  const { data, request_id } = await clientOf(owner).embeddings.create({ model: MODEL, input: TEXTS }).withResponse();
  // What the reference implementation counts: 8, 9 and 6.
  expect(data.usage).toEqual({ prompt_tokens: 23, total_tokens: 23 });
  expect(await eventOf(request_id ?? "", owner)).toMatchObject({
    model: MODEL,
    usage: { input: 23, output: 0 },
    estimated: false,
    clamped: false,
    finish: "stop",
  });
  // 23 tokens at 1 USD for a million.
  const balance = await until(
    async () => (await call(stack, "GET", `/billing/v1/tenants/${owner.id}/balance`, { key: owner.key })).body,
    ({ spent, held }) => spent !== "0" && held === "0",
  );
  expect(balance).toMatchObject({ spent: "0.000023", available: "99.999977" });
});

describe("a text that the model cannot embed", () => {
  test.each(["我要退款，订单号 A-1234", "Привет, мир", "😀😀"])("is refused for its language: %s", async (text) => {
    expect(await refusalOf(embed([...TEXTS, text]))).toMatchObject({ status: 400, code: "unsupported_language", param: "input" });
  });

  test("is refused when it is too long, with its place and the numbers, and costs nothing", async () => {
    const owner = await anOwner();
    const error = await refusalOf(clientOf(owner).embeddings.create({ model: MODEL, input: ["Hello", "the river ".repeat(70)] }));
    expect(error).toMatchObject({ status: 400, code: "context_length_exceeded", param: "input" });
    expect(error.message).toMatch(/input\[1\].*141 tokens.*128/);
    expect(await eventOf(error.requestID ?? "", owner)).toMatchObject({ usage: { input: 0, output: 0 }, finish: "error" });
  });
});

describe("what a caller does wrong", () => {
  const many = Array.from({ length: 257 }, () => "Hi");
  test.each([
    { what: "a list of tokens", body: { input: [1, 2, 3] }, code: "unsupported_parameter", param: "input", says: "send the text" },
    { what: "lists of tokens", body: { input: [[1, 2], [3]] }, code: "unsupported_parameter", param: "input", says: "send the text" },
    { what: "257 texts", body: { input: many }, code: "invalid_request", param: "input", says: "257 texts; at most 256" },
    { what: "no text", body: { input: [] }, code: "invalid_request", param: "input", says: "no text" },
    { what: "an empty text", body: { input: "" }, code: "invalid_request", param: "input", says: "empty" },
    { what: "an empty text among others", body: { input: ["a", ""] }, code: "invalid_request", param: "input", says: "text 1" },
    { what: "256 dimensions", body: { dimensions: 256 }, code: "unsupported_parameter", param: "dimensions", says: "512" },
    { what: "another encoding", body: { encoding_format: "int8" }, code: "invalid_request", param: "encoding_format", says: "base64" },
    { what: "a mistyped field", body: { inputs: "a" }, code: "invalid_request", param: "inputs", says: "`input`" },
    { what: "a model that is not there", body: { model: "weir-embd" }, status: 404, code: "model_not_found", param: "model", says: MODEL },
  ])("$what is named", async ({ body, status = 400, code, param, says }) => {
    const answer = await call(stack, "POST", "/v1/embeddings", { key: tenant.key, body: { model: MODEL, input: "Hi", ...body } });
    expect(answer).toMatchObject({ status, body: { error: { code, param, message: expect.stringContaining(says) } } });
  });

  test("a chat model asked for vectors, and an encoder asked to chat, name those that can; the refusal is told and costs nothing", async () => {
    const { embeddings, chat } = clientOf(tenant);
    const vectors = await refusalOf(embeddings.create({ model: "weir-chat", input: "Hi" }));
    expect(vectors).toMatchObject({ status: 400, code: "unsupported_parameter", param: "model" });
    expect(vectors.message).toMatch(/`weir-chat` does embeddings.*`weir-embed`/);
    const words = await refusalOf(chat.completions.create({ model: MODEL, messages: [{ role: "user", content: "Hi" }] }));
    expect(words).toMatchObject({ status: 400, code: "unsupported_parameter", param: "model" });
    expect(words.message).toMatch(/`weir-embed` does chat.*`weir-chat`/);
    const holds = await call(stack, "GET", "/inference/v1/holds", { key: tenant.key });
    expect(JSON.stringify(holds.body)).not.toContain(words.requestID);
  });
});

test("Workers AI's encoders can be deployed and are known as such; what does neither chat nor embeddings cannot", async () => {
  const owner = await aTenant(stack);
  const edge = { provider: "workers-ai", region: "*" };
  await aModel(stack, owner, "edge", { ...edge, upstream_model: "@cf/baai/bge-base-en-v1.5" });
  await expect(aModel(stack, owner, "ears", { ...edge, upstream_model: "@cf/openai/whisper" })).rejects.toThrow("speech-recognition");
  const words = clientOf(owner).chat.completions.create({ model: "edge", messages: [{ role: "user", content: "Hi" }] });
  expect(await refusalOf(words)).toMatchObject({ status: 400, code: "unsupported_parameter", param: "model" });
});

test("consent, residency and credit decide as for a chat", async () => {
  const owner = await anOwner();
  const privacy = privacyCalls(stack);
  const ask = (more: object = {}) => clientOf(owner).embeddings.create({ model: MODEL, input: "Hello", ...more });
  await privacy.recordPurpose(owner, "chat");
  const notice = await privacy.publish(owner, "We turn what you write into vectors.", ["chat"]);
  expect(await refusalOf(ask())).toMatchObject({ status: 403, code: "consent_required", param: "x-weir-subject" });
  expect(await refusalOf(ask({ user: "ada" }))).toMatchObject({ status: 403, code: "consent_required" });
  await privacy.choose(owner, "ada", "given", ["chat"], { notice });
  expect((await ask({ user: "ada" })).data).toHaveLength(1);

  await privacy.as(owner, "PUT", "/privacy/v1/residency", { inference: ["fr"] });
  expect(await refusalOf(ask({ user: "ada" }))).toMatchObject({ status: 403, code: "residency_unavailable" });

  const poor = await aTenant(stack, { credit: "0.000001" });
  await aModel(stack, poor, MODEL);
  const refused = await refusalOf(clientOf(poor).embeddings.create({ model: MODEL, input: TEXTS }));
  expect(refused).toMatchObject({ status: 402, code: "insufficient_quota" });
});

describe("a provider behind the gateway", () => {
  const ask = (more: Partial<OpenAI.EmbeddingCreateParams> = {}) =>
    clientOf(tenant).embeddings.create({ model: "remote", input: TEXTS, user: "ada@example.com", ...more });

  test("is given the credential and its own model name, asked for floats, and never told who the person is", async () => {
    upstream.next(embeds());
    const { data, response } = await ask().withResponse();
    const seen = upstream.requests.at(-1);
    expect(seen).toMatchObject({ path: "/v1/embeddings", headers: { authorization: `Bearer ${CREDENTIAL}` } });
    expect(seen?.body).toEqual({ model: "tiny-embed", input: TEXTS, encoding_format: "float" });
    expect(data.data.map(({ embedding }) => embedding)).toEqual(TEXTS.map((_, index) => [index, 1, 0.5]));
    expect(data.usage).toEqual({ prompt_tokens: 7, total_tokens: 7 });
    expect(response.headers.get("x-weir-region")).toBe("fr");
  });

  test("may send vectors in another order: `index` says which is which", async () => {
    upstream.next(embeds({ data: (index) => ({ index: 2 - index, embedding: [2 - index, 1, 0.5] }) }));
    expect((await ask()).data.map(({ embedding }) => embedding[0])).toEqual([0, 1, 2]);
  });

  test("that reports nothing is estimated and marked; more than possible is cut to what was held", async () => {
    upstream.next(embeds({ usage: null }), embeds({ usage: { prompt_tokens: 9_000_000, total_tokens: 9_000_000 } }));
    const silent = await ask().withResponse();
    const bytes = TEXTS.join("").length;
    expect(await eventOf(silent.request_id ?? "")).toMatchObject({ usage: { input: Math.ceil(bytes / 4) }, estimated: true });
    const loud = await ask().withResponse();
    expect(await eventOf(loud.request_id ?? "")).toMatchObject({ usage: { input: bytes + 4 * 16, output: 0 }, clamped: true });
  });

  test.each([
    { what: "knows no embeddings", reply: refuses(404), status: 400, code: "unsupported_parameter" },
    { what: "fails", reply: refuses(500), status: 502, code: "upstream_failed" },
    { what: "is at its limit", reply: refuses(429), status: 503, code: "overloaded" },
    { what: "answers with something else", reply: refuses(200, { body: "<html>" }), status: 502, code: "upstream_failed" },
    { what: "numbers two alike", reply: embeds({ data: () => ({ index: 0, embedding: [1] }) }), status: 502, code: "upstream_failed" },
    {
      what: "sends vectors of different lengths",
      reply: embeds({ data: (index) => ({ index, embedding: [1, 2, 3].slice(index) }) }),
      status: 502,
      code: "upstream_failed",
    },
  ])("that $what is a typed error, and nothing is charged", async ({ reply, status, code }) => {
    upstream.next(reply);
    const error = await refusalOf(ask());
    expect(error).toMatchObject({ status, code });
    expect(await eventOf(error.requestID ?? "")).toMatchObject({ usage: { input: 0 }, finish: "error" });
  });
});
