import { expect, test } from "vitest";
import { ChatEngine, ContextLengthError, SupersededError, type ChatMessage, type GenerateOptions, type Host, type Usage } from "./chat.ts";
import { readGguf } from "./gguf.ts";
import { loadFromDisk } from "./load-from-disk.ts";

const { kernel, weights } = loadFromDisk();
const engine = new ChatEngine(readGguf(weights), kernel);
const host: Host = { yieldToHost: () => Promise.resolve() };
const ask = (content: string): ChatMessage[] => [{ role: "user", content }];
const ORDER = ask("where is my order A-48213?");

interface Reply {
  text: string;
  pieces: string[];
  tokens: number;
  finishReason: string;
  usage: Usage;
}

async function run(messages: readonly ChatMessage[], options: Partial<GenerateOptions> = {}, from: Host = host): Promise<Reply> {
  const reply: Reply = { text: "", pieces: [], tokens: 0, finishReason: "", usage: { inputTokens: 0, outputTokens: 0 } };
  for await (const event of engine.generate(messages, { maxTokens: 96, ...options }, from)) {
    if (event.type === "delta") {
      reply.text += event.text;
      reply.pieces.push(event.text);
      reply.tokens += event.tokens;
    } else {
      reply.finishReason = event.finishReason;
      reply.usage = event.usage;
    }
  }
  return reply;
}

test("the greedy replies are the stored ones", async () => {
  expect((await run(ORDER)).text).toBe(
    "Let me check order A-48213 for you. You can follow it live under Orders > A-48213, and I will let you know as soon as it moves.",
  );
  expect((await run(ask("how do i bake a cake"))).text).toBe(
    "Sorry, that is outside of what I can help with. I can assist with orders, billing, refunds, privacy and account questions.",
  );
  expect((await run(ask("我要退款，订单号 A-1234"))).text).toBe(
    "很抱歉给您带来不便。我已为订单 A-1234 提交退款申请，款项将在 5 到 10 个工作日内退回原支付方式。",
  );
});

test("usage counts prompt and reply exactly, and deltas add up to it", async () => {
  const reply = await run(ORDER);
  expect(reply.finishReason).toBe("stop");
  expect(reply.usage.inputTokens).toBe(engine.tokens(ORDER));
  expect(reply.usage.inputTokens).toBe(engine.tokenizer.encode("where is my order A-48213?").length + 3);
  expect(reply.usage.outputTokens).toBe(engine.tokenizer.encode(reply.text).length);
  expect(reply.tokens).toBe(reply.usage.outputTokens);
});

test("a reply that reaches maxTokens ends with length", async () => {
  const reply = await run(ORDER, { maxTokens: 5 });
  expect(reply).toMatchObject({ finishReason: "length", usage: { outputTokens: 5 } });
  expect((await run(ORDER)).text.startsWith(reply.text)).toBe(true);
});

test("a stop sequence across token boundaries ends the reply before it", async () => {
  const reply = await run(ORDER, { stop: ["der A-48", "never said"] });
  expect(reply.text).toBe("Let me check or");
  expect(reply.finishReason).toBe("stop");
  expect(reply.tokens).toBe(reply.usage.outputTokens);
});

test("no piece of a Chinese reply splits a character", async () => {
  const { pieces } = await run(ask("我要退款，订单号 A-1234"));
  expect(pieces.length).toBeGreaterThan(5);
  expect(pieces.every((piece) => !piece.includes("\uFFFD"))).toBe(true);
});

test("the same seed gives the same reply, another seed another one", async () => {
  const draw = async (seed: number): Promise<string> => (await run(ask("hello"), { temperature: 2, seed })).text;
  const [a, again, ...others] = await sequence([1, 1, 2, 3, 4, 5], draw);
  expect(again).toBe(a);
  expect(others.some((other) => other !== a)).toBe(true);
});

async function sequence<T, R>(items: readonly T[], each: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await each(item));
  return results;
}

test("a prompt that leaves no room for the reply is refused with numbers, nothing is dropped", async () => {
  const long = ask("order ".repeat(600));
  const error = await run(long).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ContextLengthError);
  expect(error).toMatchObject({ code: "context_length_exceeded", inputTokens: engine.tokens(long), maxTokens: 96, contextLength: 512 });
  const room = engine.contextLength - engine.tokens(ORDER);
  expect((await run(ORDER, { maxTokens: room })).finishReason).toBe("stop");
  await expect(run(ORDER, { maxTokens: room + 1 })).rejects.toThrow(ContextLengthError);
});

test("the host is yielded to every few tokens and in long prompts", async () => {
  let yields = 0;
  const counting: Host = { yieldToHost: () => Promise.resolve(void yields++) };
  const { usage } = await run(ORDER, {}, counting);
  expect(yields).toBe(Math.floor(usage.outputTokens / 8));
  yields = 0;
  await run(ask("order ".repeat(200)), { maxTokens: 1 }, counting);
  expect(yields).toBeGreaterThanOrEqual(3);
});

test("an aborted request stops generating", async () => {
  const abort = new AbortController();
  let yields = 0;
  const aborting: Host = {
    signal: abort.signal,
    yieldToHost: () => {
      if (++yields === 2) abort.abort(new Error("client left"));
      return Promise.resolve();
    },
  };
  await expect(run(ORDER, {}, aborting)).rejects.toThrow("client left");
  expect(yields).toBe(2);
});

test("a second generation supersedes the first, and its own reply is intact", async () => {
  const first = engine.generate(ORDER, { maxTokens: 96 }, host);
  await first.next();
  expect((await run(ORDER)).text).toContain("A-48213");
  await expect(first.next()).rejects.toThrow(SupersededError);
});
