import { WeirError } from "@weir/domain/errors";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseChatRequest, plainMessages } from "./chat-request.ts";

const messages = [{ role: "user", content: "Hello" }];

function refusal(body: unknown): WeirError {
  try {
    parseChatRequest(body);
  } catch (error) {
    if (error instanceof WeirError) return error;
    throw error;
  }
  throw new Error("It was accepted");
}

describe("reading a chat request", () => {
  test("takes what OpenAI's clients send, nulls for what is unset too", () => {
    const nulls = { stream: null, stream_options: null, max_tokens: null, temperature: null, top_p: null, seed: null, stop: null, n: null };
    expect(parseChatRequest({ model: "m", messages })).toEqual({ model: "m", messages });
    expect(parseChatRequest({ model: "m", messages, ...nulls, store: false, presence_penalty: 0 })).toMatchObject({ model: "m", ...nulls });
  });

  test("ignores what a client repeats of an answer, such as `refusal` or `annotations`", () => {
    const answered = { role: "assistant", content: "Hi", refusal: null, annotations: [] };
    expect(plainMessages(parseChatRequest({ model: "m", messages: [...messages, answered] }))).toEqual([
      { role: "user", content: "Hello" },
      { role: "assistant", content: "Hi" },
    ]);
  });

  test("joins text parts and reads `developer` as `system`", () => {
    const parts = [
      { type: "text", text: "Be " },
      { type: "text", text: "brief" },
    ];
    expect(plainMessages(parseChatRequest({ model: "m", messages: [{ role: "developer", content: parts }] }))).toEqual([
      { role: "system", content: "Be brief" },
    ]);
  });

  test.each([
    { field: "temprature", hint: "`temperature`" },
    { field: "max_token", hint: "`max_tokens`" },
    { field: "message", hint: "`messages`" },
  ])("names the unknown field $field and the nearest that exists", ({ field, hint }) => {
    const error = refusal({ model: "m", messages, [field]: 1 });
    expect(error).toMatchObject({ code: "invalid_request", details: { param: field } });
    expect(error.message).toContain(hint);
  });

  test.each(["tools", "response_format", "logprobs", "reasoning_effort"])(
    "says that %s is not supported, not that it is a typing error",
    (field) => {
      expect(refusal({ model: "m", messages, [field]: 1 })).toMatchObject({ code: "unsupported_parameter", details: { param: field } });
    },
  );

  test.each([
    { what: "no model", body: { messages }, param: "model" },
    { what: "no messages", body: { model: "m", messages: [] }, param: "messages" },
    { what: "an unknown role", body: { model: "m", messages: [{ role: "king", content: "x" }] }, param: "messages.0.role" },
    { what: "an image", body: { model: "m", messages: [{ role: "user", content: [{ type: "image_url" }] }] }, param: "messages.0.content" },
    { what: "half a token", body: { model: "m", messages, max_tokens: 0.5 }, param: "max_tokens" },
    { what: "no token at all", body: { model: "m", messages, max_tokens: 0 }, param: "max_tokens" },
    { what: "a temperature above 2", body: { model: "m", messages, temperature: 2.1 }, param: "temperature" },
    { what: "two answers", body: { model: "m", messages, n: 2 }, param: "n" },
    { what: "five stop sequences", body: { model: "m", messages, stop: ["a", "b", "c", "d", "e"] }, param: "stop" },
    { what: "an answer that is to be stored", body: { model: "m", messages, store: true }, param: "store" },
  ])("refuses $what and names the field", ({ body, param }) => {
    const error = refusal(body);
    expect(error).toMatchObject({ code: "invalid_request", details: { param } });
    expect(error.message).toContain(param);
  });

  test("an unknown field is not repeated at length", () => {
    const error = refusal({ model: "m", messages, ["x".repeat(5_000)]: 1 });
    expect(error.message.length).toBeLessThan(300);
    expect(error.details.param?.length).toBe(100);
  });
});

function outcomeOf(body: unknown): unknown {
  try {
    const contents = plainMessages(parseChatRequest(body)).map(({ content }) => typeof content);
    return contents.every((type) => type === "string") ? "read" : contents;
  } catch (error) {
    return error instanceof WeirError ? error.status : error;
  }
}

test("whatever JSON is sent, it is read or refused with a 4xx: nothing else is thrown", () => {
  const field = fc.constantFrom(
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "temperature",
    "stop",
    "user",
    "tools",
    "__proto__",
    "constructor",
  );
  const nearly = fc.dictionary(
    field,
    fc.oneof(fc.jsonValue(), fc.array(fc.record({ role: fc.constantFrom("user", "tool", 7), content: fc.jsonValue() }))),
  );
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), nearly), (value) => {
      const body: unknown = JSON.parse(JSON.stringify(value) ?? "null");
      expect(["read", 400]).toContain(outcomeOf(body));
    }),
    { numRuns: 500 },
  );
});
