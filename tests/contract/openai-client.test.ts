import { newKey } from "@weir/domain/keys";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aModel, aTenant, call, type TestTenant, until } from "../support/client.ts";
import { bootTestStack, type TestStack } from "../support/stack.ts";
import { A_USAGE, answers, chunk, drips, refuses, resets, sends, startUpstream, type Upstream } from "../support/upstream.ts";

// What OpenAI's own client, pinned and unmodified, must meet when only its base URL was changed.

const CREDENTIAL = "the-credential-of-an-upstream-in-a-test";
const messages = [{ role: "user" as const, content: "What is a weir?" }];

let stack: TestStack;
let upstream: Upstream;
let tenant: TestTenant;

beforeAll(async () => {
  upstream = await startUpstream();
  stack = await bootTestStack({ vars: { EGRESS_ALLOW: upstream.origin } });
  tenant = await aTenant(stack);
  await aModel(stack, tenant);
  await aRemoteModel(tenant, "remote");
});

afterAll(async () => {
  await stack.stop();
  await upstream.stop();
});

async function aRemoteModel(owner: TestTenant, id: string, deployment: Record<string, unknown> = {}): Promise<string> {
  const remote = {
    provider: "openai-compatible",
    base_url: upstream.url,
    credential: CREDENTIAL,
    upstream_model: "tiny",
    max_output_tokens: 64,
  };
  return aModel(stack, owner, id, { ...remote, region: "fr", ...deployment });
}

/** The client as an application has it, with a count of the requests that it really made. */
function clientOf(key: string, options: { maxRetries?: number } = {}) {
  const attempts: Request[] = [];
  const client = new OpenAI({
    apiKey: key,
    baseURL: `${stack.url}/v1`,
    maxRetries: options.maxRetries ?? 0,
    fetch: (input, init) => {
      const request = new Request(input, init);
      attempts.push(request.clone());
      return fetch(request);
    },
  });
  return { client, attempts };
}

async function failure<Kind extends InstanceType<typeof OpenAI.APIError>>(
  kind: new (...parameters: never[]) => Kind,
  work: PromiseLike<unknown>,
): Promise<Kind> {
  const error: unknown = await Promise.resolve(work).then(
    () => "nothing was thrown",
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof kind)) throw new Error(`Not a ${kind.name}: ${String(error)}`);
  return error;
}

async function textOf(stream: AsyncIterable<OpenAI.ChatCompletionChunk>): Promise<string> {
  let text = "";
  for await (const { choices } of stream) text += choices[0]?.delta.content ?? "";
  return text;
}

const balanceOf = async (owner: TestTenant) =>
  (await call(stack, "GET", `/billing/v1/tenants/${owner.id}/balance`, { key: owner.key })).body;
const holdsOf = async (owner: TestTenant): Promise<unknown[]> =>
  (await call(stack, "GET", "/inference/v1/holds", { key: owner.key })).body.items;

describe("models", () => {
  test("are listed, and the client's pages end by themselves", async () => {
    const ids: string[] = [];
    for await (const model of clientOf(tenant.key).client.models.list()) {
      expect(model).toEqual({ id: expect.any(String), object: "model", created: expect.any(Number), owned_by: tenant.id });
      ids.push(model.id);
    }
    expect(ids).toEqual(["weir-chat", "remote"]);
  });

  test("are shown one by one, also when a name has a slash", async () => {
    const owner = await aTenant(stack, { credit: null });
    await aModel(stack, owner, "acme/chat:1.5");
    const { client } = clientOf(owner.key);
    expect(await client.models.retrieve("acme/chat:1.5")).toMatchObject({ id: "acme/chat:1.5", object: "model" });
  });

  test("that do not exist are answered with the nearest that do", async () => {
    const { client } = clientOf(tenant.key);
    const error = await failure(OpenAI.NotFoundError, client.models.retrieve("remot"));
    expect(error).toMatchObject({ code: "model_not_found", param: "model" });
    expect(error.message).toContain("remote");
  });

  test("of another tenant are not shown", async () => {
    const stranger = await aTenant(stack, { credit: null });
    const { client } = clientOf(stranger.key);
    expect((await client.models.list()).data).toEqual([]);
    await failure(OpenAI.NotFoundError, client.models.retrieve("remote"));
  });
});

describe.each([
  { model: "weir-chat", region: "de" },
  { model: "remote", region: "fr" },
])("a completion by $model", ({ model, region }) => {
  test("answers in one piece, with usage, request id and region", async () => {
    const { data, response, request_id } = await clientOf(tenant.key).client.chat.completions.create({ model, messages }).withResponse();
    expect(data).toMatchObject({
      object: "chat.completion",
      model,
      choices: [{ index: 0, message: { role: "assistant" }, finish_reason: "stop" }],
    });
    expect(data.choices[0]?.message.content).not.toBe("");
    const { usage } = data;
    expect(usage?.prompt_tokens).toBeGreaterThan(0);
    expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0));
    expect(request_id).toMatch(/^req_eu_/);
    expect(data).toMatchObject({ _request_id: request_id });
    expect(response.headers.get("x-weir-region")).toBe(region);
    // With any other type the client hands out a text instead of an object.
    expect(response.headers.get("content-type")).toBe("application/json");
  });

  test("streams: role, text, reason, and usage only when it was asked for", async () => {
    const { client } = clientOf(tenant.key);
    const plain = await client.chat.completions.create({ model, messages, stream: true }).withResponse();
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const piece of plain.data) chunks.push(piece);
    expect(plain.response.headers.get("x-weir-region")).toBe(region);
    expect(chunks[0]?.choices[0]?.delta.role).toBe("assistant");
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe("stop");
    expect(chunks.filter((piece) => piece.usage != null)).toEqual([]);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);

    const asked = await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } });
    const withUsage: OpenAI.ChatCompletionChunk[] = [];
    for await (const piece of asked) withUsage.push(piece);
    expect(withUsage.filter((piece) => piece.usage != null)).toHaveLength(1);
    expect(withUsage.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: expect.any(Number), total_tokens: expect.any(Number) } });
  });

  test("ends its stream with [DONE] and sends nothing after it", async () => {
    const { body, headers } = await call(stack, "POST", "/v1/chat/completions", {
      key: tenant.key,
      body: { model, messages, stream: true },
    });
    expect(headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(body.endsWith("\n\ndata: [DONE]\n\n")).toBe(true);
    expect(body.match(/\[DONE\]/g)).toHaveLength(1);
  });
});

describe("the embedded model", () => {
  test("says the same again when asked with temperature 0, and with the same seed", async () => {
    const { client } = clientOf(tenant.key);
    const say = async (options: { temperature: number; seed?: number }) =>
      (await client.chat.completions.create({ model: "weir-chat", messages, ...options })).choices[0]?.message.content;
    expect(await say({ temperature: 0 })).toBe(await say({ temperature: 0 }));
    expect(await say({ temperature: 0.9, seed: 7 })).toBe(await say({ temperature: 0.9, seed: 7 }));
  });

  test("ends before a stop sequence, in a stream too", async () => {
    const { client } = clientOf(tenant.key);
    const ask = { model: "weir-chat", messages, temperature: 0 };
    const whole = (await client.chat.completions.create(ask)).choices[0]?.message.content ?? "";
    const stop = whole.slice(5, 9);
    const cut = await client.chat.completions.create({ ...ask, stop: [stop] });
    expect(cut.choices[0]).toMatchObject({ finish_reason: "stop", message: { content: whole.slice(0, whole.indexOf(stop)) } });
    expect(await textOf(await client.chat.completions.create({ ...ask, stop, stream: true }))).toBe(whole.slice(0, whole.indexOf(stop)));
  });

  test.each(["max_tokens", "max_completion_tokens"])(
    "says `length` when %s cut the answer, and counts no more than that",
    async (limit) => {
      const { client } = clientOf(tenant.key);
      const answer = await client.chat.completions.create({ model: "weir-chat", messages, temperature: 0, [limit]: 2 });
      expect(answer.choices[0]?.finish_reason).toBe("length");
      expect(answer.usage?.completion_tokens).toBe(2);
    },
  );
});

describe("a provider behind the gateway", () => {
  test("is given the credential as Bearer, its own model name, the sampling, and is always asked for usage", async () => {
    const { client } = clientOf(tenant.key);
    const sampling = { temperature: 0.5, top_p: 0.9, seed: 11, stop: ["END"], max_tokens: 7 };
    const { request_id } = await client.chat.completions
      .create({ model: "remote", messages, user: "ada@example.com", ...sampling })
      .withResponse();
    const seen = upstream.requests.at(-1);
    expect(seen).toMatchObject({
      path: "/v1/chat/completions",
      headers: { authorization: `Bearer ${CREDENTIAL}`, "x-request-id": request_id },
      body: { model: "tiny", messages, stream: true, stream_options: { include_usage: true }, ...sampling },
    });
    expect(JSON.stringify(seen?.body)).not.toContain("ada@example.com");
    expect(JSON.stringify(seen?.headers)).not.toContain(tenant.key);
  });

  test("has a credential that rests nowhere in clear and comes back from no call", async () => {
    const shown = [
      await call(stack, "GET", "/inference/v1/deployments", { key: tenant.key }),
      await call(stack, "POST", "/inference/v1/deployments", {
        key: tenant.key,
        body: {
          model: "remote",
          provider: "openai-compatible",
          base_url: upstream.url,
          credential: CREDENTIAL,
          region: "fr",
          stores_in: [],
          price: { currency: "USD", per: 1, input: "0", output: "0" },
          cost: { currency: "USD", per: 1, input: "0", output: "0" },
          weight: 0,
        },
      }),
      await call(stack, "GET", "/v1/models", { key: tenant.key }),
    ];
    expect(shown.map(({ status }) => status)).toEqual([200, 201, 200]);
    for (const { body } of shown) expect(JSON.stringify(body)).not.toContain(CREDENTIAL);

    const db = await stack.database("eu");
    const { results: tables } = await db
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*'")
      .all<{ name: string }>();
    const dump = await Promise.all(
      tables.map(async ({ name }) => JSON.stringify((await db.prepare(`SELECT * FROM "${name}"`).all()).results)),
    );
    expect(dump.join("\n")).toContain(`"base_url":"${upstream.url}"`);
    expect(dump.join("\n")).not.toContain(CREDENTIAL);
    expect(dump.join("\n")).not.toContain(Buffer.from(CREDENTIAL).toString("base64").slice(0, 20));
  });

  test.each(["own chunk", "stop chunk", "text chunk"] as const)(
    "may report usage on its %s: the client finds it on one last chunk",
    async (usageOn) => {
      const { client } = clientOf(tenant.key);
      const details = { prompt_tokens_details: { cached_tokens: 5 }, completion_tokens_details: { reasoning_tokens: 1 } };
      upstream.next(answers({ usageOn, usage: { ...A_USAGE, ...details } }), answers({ usageOn }));
      const chunks: OpenAI.ChatCompletionChunk[] = [];
      const stream = await client.chat.completions.create({
        model: "remote",
        messages,
        stream: true,
        stream_options: { include_usage: true },
      });
      for await (const piece of stream) chunks.push(piece);
      expect(chunks.filter((piece) => piece.usage != null)).toEqual([expect.objectContaining({ choices: [] })]);
      expect(chunks.at(-1)?.usage).toEqual({ ...A_USAGE, ...details });
      expect((await client.chat.completions.create({ model: "remote", messages })).usage).toMatchObject(A_USAGE);
    },
  );

  test.each([
    {
      says: "explicit zeros",
      usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
      counted: { input: 0, output: 0 },
      estimated: false,
    },
    { says: "nothing", usage: null, counted: { input: 4, output: 3 }, estimated: true },
    {
      says: "more than possible",
      usage: { prompt_tokens: 9_000_000, completion_tokens: 9_000_000 },
      counted: { input: 15 + 16 + 16, output: 8 },
      estimated: false,
      clamped: true,
    },
  ])("that reports $says is booked as such, never above what was held", async ({ usage, counted, estimated, clamped = false }) => {
    upstream.next(answers({ usage }));
    const { request_id } = await clientOf(tenant.key)
      .client.chat.completions.create({ model: "remote", messages, max_tokens: 8 })
      .withResponse();
    const { body } = await until(
      () => call(stack, "GET", `/metering/v1/requests/${request_id}`, { key: tenant.key }),
      ({ status }) => status === 200,
    );
    expect(body.event.data).toMatchObject({ usage: counted, estimated, clamped, finish: "stop" });
  });

  test("may split its bytes anywhere, with CRLF, comments and no space after the colon", async () => {
    const wire = `: hello\r\n\r\n${chunk([{ index: 0, delta: { content: "grüß 🌊" }, finish_reason: null }])
      .replaceAll("\n", "\r\n")
      .replace("data: ", "data:")}`;
    const end = chunk([{ index: 0, delta: {}, finish_reason: "stop" }]);
    upstream.next(sends(...[...new TextEncoder().encode(wire)].map((byte) => Uint8Array.of(byte)), end));
    const stream = await clientOf(tenant.key).client.chat.completions.create({ model: "remote", messages, stream: true });
    expect(await textOf(stream)).toBe("grüß 🌊");
  });

  test("may send bytes that are not UTF-8: the rest of the answer arrives", async () => {
    const [before = "", after = ""] = chunk([{ index: 0, delta: { content: "a|z" }, finish_reason: "stop" }]).split("|");
    upstream.next(sends(new TextEncoder().encode(before), Uint8Array.of(0xff), new TextEncoder().encode(after)));
    const answer = await clientOf(tenant.key).client.chat.completions.create({ model: "remote", messages });
    expect(answer.choices[0]?.message.content).toBe("a\u{FFFD}z");
  });
});

describe("what a caller does wrong", () => {
  test("a mistyped key, a key that is cut and an unknown key are AuthenticationError, and reach no provider", async () => {
    const before = upstream.requests.length;
    for (const key of [`${tenant.key}x`, tenant.key.slice(0, -1), newKey("eu", tenant.id).key]) {
      const error = await failure(OpenAI.AuthenticationError, clientOf(key).client.chat.completions.create({ model: "remote", messages }));
      expect(error).toMatchObject({ status: 401, code: "invalid_api_key", type: "authentication_error" });
      expect(error.requestID).toMatch(/^req_eu_/);
    }
    expect(upstream.requests).toHaveLength(before);
  });

  test("a key without the scope is PermissionDeniedError with the code", async () => {
    const { body } = await call(stack, "POST", `/billing/v1/tenants/${tenant.id}/keys`, {
      key: tenant.key,
      body: { name: "Reader", scopes: ["usage:read"] },
    });
    const { client } = clientOf(body.key);
    for (const ask of [() => client.chat.completions.create({ model: "remote", messages }), () => client.models.list()]) {
      expect(await failure(OpenAI.PermissionDeniedError, ask())).toMatchObject({ status: 403, code: "insufficient_scope" });
    }
  });

  test("a model outside the residency policy is PermissionDeniedError and says which deployments were considered", async () => {
    const owner = await aTenant(stack);
    const db = await stack.database("eu");
    await db
      .prepare("INSERT INTO privacy_policy (tenant, residency, policy, version, updated_at) VALUES (?, ?, NULL, 1, 0)")
      .bind(owner.id, JSON.stringify({ inference: ["de"] }))
      .run();
    const deployment = await aRemoteModel(owner, "french");
    const before = upstream.requests.length;
    const error = await failure(
      OpenAI.PermissionDeniedError,
      clientOf(owner.key).client.chat.completions.create({ model: "french", messages }),
    );
    expect(error.code).toBe("residency_unavailable");
    expect(error.error).toMatchObject({ deployments: [{ id: deployment, eligible: false }] });
    expect(upstream.requests).toHaveLength(before);
  });

  test("an unknown model is NotFoundError and names the nearest", async () => {
    const error = await failure(
      OpenAI.NotFoundError,
      clientOf(tenant.key).client.chat.completions.create({ model: "weir-chad", messages }),
    );
    expect(error).toMatchObject({ code: "model_not_found", param: "model" });
    expect(error.message).toContain("weir-chat");
  });

  test.each([
    { field: "temprature", value: 1, code: "invalid_request", says: "temperature" },
    { field: "tools", value: [{ type: "function", function: { name: "f" } }], code: "unsupported_parameter", says: "tools" },
    { field: "temperature", value: 9, code: "invalid_request", says: "temperature" },
    { field: "n", value: 2, code: "invalid_request", says: "n" },
  ])("$field: $value is BadRequestError naming the field", async ({ field, value, code, says }) => {
    const before = upstream.requests.length;
    const error = await failure(
      OpenAI.BadRequestError,
      clientOf(tenant.key).client.chat.completions.create({ model: "remote", messages, [field]: value }),
    );
    expect(error).toMatchObject({ status: 400, code, param: field });
    expect(error.message).toContain(says);
    expect(upstream.requests).toHaveLength(before);
  });

  test("a body that is not JSON is 400 in OpenAI's shape, with the place", async () => {
    const answer = await call(stack, "POST", "/v1/chat/completions", { key: tenant.key, body: '{"model": "remote",' });
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({ code: "malformed_json", type: "invalid_request_error", param: null, line: 1 });
  });

  test("a purpose that nobody configured is UnprocessableEntityError", async () => {
    const { client } = clientOf(tenant.key);
    const asked = client.chat.completions.create({ model: "remote", messages }, { headers: { "x-weir-purpose": "sorcery" } });
    expect(await failure(OpenAI.UnprocessableEntityError, asked)).toMatchObject({ status: 422, code: "purpose_unknown" });
  });

  test("a path that does not exist is NotFoundError, as JSON", async () => {
    const { client } = clientOf(tenant.key);
    const error = await failure(OpenAI.NotFoundError, client.moderations.create({ input: "text" }));
    expect(error).toMatchObject({ code: "not_found", type: "invalid_request_error" });
    expect(error.requestID).toMatch(/^req_eu_/);
  });
});

describe("credit", () => {
  test("that is spent is 402, which the client tries once", async () => {
    const poor = await aTenant(stack, { credit: "0.000001" });
    await aRemoteModel(poor, "remote");
    const { client, attempts } = clientOf(poor.key, { maxRetries: 2 });
    const before = upstream.requests.length;
    const error = await failure(OpenAI.APIError, client.chat.completions.create({ model: "remote", messages }));
    expect(error).toMatchObject({ status: 402, code: "insufficient_quota", type: "insufficient_quota" });
    expect(attempts).toHaveLength(1);
    expect(upstream.requests).toHaveLength(before);
  });

  test("that another request holds is 429 with Retry-After; the client comes again and is served", async () => {
    // 47 tokens in at 1 and 8 out at 2 for a million: enough for one request, not for two.
    const owner = await aTenant(stack, { credit: "0.000063" });
    await aRemoteModel(owner, "remote");
    const ask = { model: "remote", messages, max_tokens: 8 };
    const first = Promise.withResolvers<void>();
    upstream.next(answers({ after: first.promise, usage: { prompt_tokens: 0, completion_tokens: 0 } }));
    const running = clientOf(owner.key).client.chat.completions.create(ask);
    await until(
      () => holdsOf(owner),
      (holds) => holds.length === 1,
    );

    const error = await failure(OpenAI.RateLimitError, clientOf(owner.key).client.chat.completions.create(ask));
    expect(error).toMatchObject({ status: 429, code: "rate_limited" });
    expect(error.headers?.get("retry-after")).toBe("1");

    const { client, attempts } = clientOf(owner.key, { maxRetries: 5 });
    const second = client.chat.completions.create(ask);
    await until(
      async () => attempts.length,
      (count) => count > 1,
    );
    first.resolve();
    await running;
    expect((await second).choices[0]?.message.content).toBe("Hello, world");
    expect(attempts.at(-1)?.headers.get("x-stainless-retry-count")).toBe(String(attempts.length - 1));
  });
});

describe("when the provider fails", () => {
  test.each([
    { what: "500", reply: refuses(500), status: 502, code: "upstream_failed" },
    {
      what: "an HTML 502",
      reply: refuses(502, { headers: { "content-type": "text/html" }, body: "<h1>Bad gateway</h1>" }),
      status: 502,
      code: "upstream_failed",
    },
    { what: "429", reply: refuses(429, { headers: { "retry-after": "7" } }), status: 503, code: "overloaded", retryAfter: "7" },
    { what: "a success without a body", reply: refuses(204), status: 502, code: "upstream_failed" },
    { what: "an empty stream", reply: sends(), status: 502, code: "upstream_failed" },
    { what: "a stream of something else", reply: sends("data: hello\n\n"), status: 502, code: "upstream_failed" },
    {
      what: "a line without end",
      reply: sends(...Array.from({ length: 20 }, () => "x".repeat(64_000))),
      status: 502,
      code: "upstream_failed",
    },
    {
      what: "an error as its first event",
      reply: sends('data: {"error":{"message":"account 4711 is closed"}}\n\n'),
      status: 502,
      code: "upstream_failed",
    },
  ])("with $what, the client gets a typed error as JSON and is charged nothing", async ({ reply, status, code, retryAfter }) => {
    const owner = await aTenant(stack);
    await aRemoteModel(owner, "remote");
    for (const stream of [false, true]) {
      upstream.next(reply);
      const error = await failure(
        OpenAI.InternalServerError,
        clientOf(owner.key).client.chat.completions.create({ model: "remote", messages, stream }),
      );
      expect(error).toMatchObject({ status, code });
      expect(error.message).not.toMatch(/<h1>|4711/);
      expect(error.headers?.get("retry-after")).toBe(retryAfter ?? null);
      expect(error.requestID).toMatch(/^req_eu_/);
    }
    expect(
      await until(
        () => balanceOf(owner),
        ({ available, held }) => available === "100" && held === "0",
      ),
    ).toMatchObject({ spent: "0" });
  });

  test("with a redirect to this machine, nobody follows it", async () => {
    const inside = await startUpstream();
    upstream.next(refuses(307, { headers: { location: `${inside.url}/chat/completions` } }));
    const error = await failure(
      OpenAI.InternalServerError,
      clientOf(tenant.key).client.chat.completions.create({ model: "remote", messages }),
    );
    expect(error.code).toBe("upstream_failed");
    expect(inside.requests).toEqual([]);
    await inside.stop();
  });

  test("a failure is tried again by the client as it would be at OpenAI", async () => {
    upstream.next(refuses(500), refuses(500));
    const { client, attempts } = clientOf(tenant.key, { maxRetries: 2 });
    const answer = await client.chat.completions.create({ model: "remote", messages });
    expect(answer.choices[0]?.message.content).toBe("Hello, world");
    expect(attempts).toHaveLength(3);
  });

  test.each([
    { what: "a connection that is reset", reply: resets(["Half an "]) },
    { what: "a stream that ends without a reason", reply: answers({ pieces: ["Half an "], finish: null, usage: null, done: false }) },
    {
      what: "an error in the stream",
      reply: sends(chunk([{ index: 0, delta: { content: "Half an " } }]), 'data: {"error":{"message":"account 4711 is closed"}}\n\n'),
    },
  ])("in the middle of a stream ($what), the client gets an APIError after the text, never a clean end", async ({ reply }) => {
    upstream.next(reply);
    const stream = await clientOf(tenant.key).client.chat.completions.create({ model: "remote", messages, stream: true });
    let text = "";
    const error = await failure(
      OpenAI.APIError,
      (async () => {
        for await (const piece of stream) text += piece.choices[0]?.delta.content ?? "";
      })(),
    );
    expect(text).toBe("Half an ");
    expect(error).toMatchObject({ code: "upstream_failed", type: "api_error" });
    expect(error.message).not.toContain("4711");
  });

  test.each([
    { what: "a connection that is reset", reply: resets() },
    { what: "a stream that ends without a reason", reply: answers({ finish: null, done: false }) },
  ])("in the middle of an answer in one piece ($what), the caller gets no half answer and pays for none", async ({ reply }) => {
    const owner = await aTenant(stack);
    await aRemoteModel(owner, "remote");
    upstream.next(reply);
    const { client } = clientOf(owner.key);
    expect(await failure(OpenAI.InternalServerError, client.chat.completions.create({ model: "remote", messages }))).toMatchObject({
      status: 502,
    });
    expect(
      await until(
        () => balanceOf(owner),
        ({ available, held }) => available === "100" && held === "0",
      ),
    ).toMatchObject({ spent: "0" });
  });
});

describe("a caller who leaves", () => {
  test("stops the provider in the middle of a stream, and pays for what was said, once", async () => {
    const owner = await aTenant(stack);
    await aRemoteModel(owner, "remote");
    upstream.next(drips());
    const { data: stream, request_id } = await clientOf(owner.key)
      .client.chat.completions.create({ model: "remote", messages, stream: true })
      .withResponse();
    let pieces = 0;
    for await (const piece of stream) {
      pieces += piece.choices[0]?.delta.content === "drip " ? 1 : 0;
      if (pieces === 3) break;
    }
    expect(await upstream.requests.at(-1)?.ended).toBe("cut off");

    await until(
      () => holdsOf(owner),
      (holds) => holds.length === 0,
    );
    const { body } = await until(
      () => call(stack, "GET", `/metering/v1/requests/${request_id}`, { key: owner.key }),
      ({ status }) => status === 200,
    );
    expect(body.event.data).toMatchObject({ finish: "cancelled", estimated: true });
    expect(body.event.data.usage.output).toBeGreaterThanOrEqual(3);
    const balance = await until(
      () => balanceOf(owner),
      ({ held, spent }) => held === "0" && spent !== "0",
    );
    expect(Number(balance.spent)).toBeCloseTo((body.event.data.usage.input + 2 * body.event.data.usage.output) / 1e6, 12);
  });
});
