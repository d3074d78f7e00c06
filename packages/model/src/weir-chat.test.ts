import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ChatEngine, ContextLengthError, type ChatMessage } from "./chat.ts";
import { FairQueue } from "./fair-queue.ts";
import { readGguf } from "./gguf.ts";
import { claimsAction, inventedValues } from "./guards.ts";
import { loadFromDisk } from "./load-from-disk.ts";
import { INTENTS, IntentRouter } from "./router.ts";
import { OverloadedError, WeirChat, type ReplyEvent, type ReplyHost, type ReplyOptions } from "./weir-chat.ts";

const files = loadFromDisk();
const engine = new ChatEngine(readGguf(files.weights), files.kernel);
const router = new IntentRouter(files.router);
const chat = new WeirChat(engine, router);
const host: ReplyHost = { now: () => Date.now(), sleep: () => Promise.resolve(), yieldToHost: () => Promise.resolve() };

const ask = (content: string, system?: string): ChatMessage[] => [
  ...(system === undefined ? [] : [{ role: "system", content: system } as const]),
  { role: "user", content },
];

async function run(messages: readonly ChatMessage[], options: Partial<ReplyOptions> = {}, from: WeirChat = chat) {
  let text = "";
  let tokens = 0;
  let end: Extract<ReplyEvent, { type: "end" }> | undefined;
  for await (const event of from.reply("tenant", messages, { maxTokens: 128, ...options }, host)) {
    if (event.type === "end") end = event;
    else {
      text += event.text;
      tokens += event.tokens;
    }
  }
  if (!end) throw new Error("The reply has no end.");
  return { text, tokens, ...end };
}

function questions(): string[] {
  return ["hand", "blind"].flatMap((name) =>
    readFileSync(fileURLToPath(new URL(`../evals/${name}.jsonl`, import.meta.url).href), "utf8")
      .trim()
      .split("\n")
      .map((line): { text: string } => JSON.parse(line))
      .map((row) => row.text),
  );
}

test("no reply to any evaluation question claims an action or invents a value, at any temperature", async () => {
  for (const [i, question] of questions().entries()) {
    for (const temperature of [0, 1]) {
      const messages = ask(question);
      const { text } = await run(messages, { temperature, seed: i });
      expect.soft(claimsAction(text), `${question} -> ${text}`).toBe(false);
      expect.soft(inventedValues(text, messages), `${question} -> ${text}`).toEqual([]);
      expect.soft(text.length, question).toBeGreaterThan(4);
    }
  }
}, 20_000);

test("no reply under any intent claims an action, whatever the router says", async () => {
  for (const intent of INTENTS) {
    const route = () => ({ intent, confidence: 1, language: "en" as const, ranked: [] });
    const forced = new WeirChat(engine, Object.assign(new IntentRouter(files.router), { route, routeTurns: route }));
    for (const question of ["please help me with KX-5521 and $20", "Pro plan, Slack, marketing emails, March"]) {
      for (const seed of [0, 1, 2]) {
        const messages = ask(question);
        const { text } = await run(messages, { temperature: seed === 0 ? 0 : 1, seed }, forced);
        expect.soft(claimsAction(text), `${intent}: ${text}`).toBe(false);
        expect.soft(inventedValues(text, messages), `${intent}: ${text}`).toEqual([]);
      }
    }
  }
});

test("ids and amounts are copied exactly or not named at all, nearly always copied", async () => {
  let copied = 0;
  const samples = 100;
  for (let i = 0; i < samples; i++) {
    const id = [`ORD-${10_000 + i * 617}`, `KX-${1000 + i * 83}`, `A-${10_000 + i * 811}`, `#${20_000 + i * 733}`][i % 4] ?? "";
    const amount = `$${12 + i}.50`;
    const [value, question] =
      i % 3 === 0
        ? [amount, `why was I charged ${amount}?`]
        : i % 3 === 1
          ? [id, `where is my order ${id}?`]
          : [id, `I want a refund for order ${id}`];
    const { text } = await run(ask(question));
    if (text.includes(value)) copied++;
  }
  expect(copied / samples).toBeGreaterThanOrEqual(0.97);
});

test("a fact absent from the context is never answered", async () => {
  const system = "You are the support assistant of Acme. The setup fee is $20.";
  for (const question of [
    "how long do I have to return something?",
    "what is your refund policy?",
    "what's your support email?",
    "what are your opening hours?",
    "what is the late fee?",
    "which phone number can I call? what is the phone number?",
    "退款期限是多少天？",
  ]) {
    const { text, guards } = await run(ask(question, system));
    expect.soft(guards, question).toEqual(["unknown_fact"]);
    expect.soft(text, question).toMatch(/I do not have that information|我没有关于/u);
    expect.soft(text, question).not.toMatch(/\d/u);
  }
});

test("a fact in the context is answered with its exact value", async () => {
  const system =
    "You are the support assistant of Acme. Refunds are possible within 45 days. Support email: help@acme.io. The setup fee is $20.";
  for (const [question, value] of [
    ["how long do I have to return something?", "45 days"],
    ["what's your support email?", "help@acme.io"],
    ["what is the setup fee?", "$20"],
    ["which company is this?", "Acme"],
  ] as const) {
    expect.soft((await run(ask(question, system))).text, question).toContain(value);
  }
});

test("a question the router is unsure of is answered with a question that names topics", async () => {
  const { text, guards, wastedTokens } = await run(ask("zorp flimmel the gax"), {}, new WeirChat(engine, router, { minConfidence: 0.999 }));
  expect(guards).toEqual(["clarify"]);
  expect(text).toMatch(/Is it about .+, .+ or .+\?/u);
  expect(wastedTokens).toBe(0);
});

test("usage counts the caller's messages and the delivered text, nothing else", async () => {
  const messages = ask("I want a refund for order KX-5521");
  const { text, tokens, usage, finishReason, guards } = await run(messages);
  expect(guards).toContain("reworded");
  expect(usage).toEqual({ inputTokens: engine.tokens(messages), outputTokens: engine.tokenizer.encode(text).length });
  expect(tokens).toBe(usage.outputTokens);
  expect(finishReason).toBe("stop");
});

test("maxTokens and stop sequences cut the guarded text", async () => {
  const messages = ask("where is my order A-48213?");
  const whole = await run(messages);
  const cut = await run(messages, { maxTokens: 6 });
  expect(cut).toMatchObject({ finishReason: "length", usage: { outputTokens: 6 } });
  expect(whole.text.startsWith(cut.text)).toBe(true);
  const stopped = await run(messages, { stop: ["Orders"] });
  expect(stopped.finishReason).toBe("stop");
  expect(whole.text.startsWith(`${stopped.text}Orders`)).toBe(true);
});

test("the same seed gives the same guarded reply", async () => {
  const messages = ask("I want a refund for order KX-5521");
  const draw = async (): Promise<string> => (await run(messages, { temperature: 1, seed: 3 })).text;
  expect(await draw()).toBe(await draw());
});

test("a conversation that does not fit is refused before the model runs", async () => {
  await expect(run(ask("order ".repeat(600)))).rejects.toThrow(ContextLengthError);
});

test("a full queue refuses, and a failed generation gives the turn back", async () => {
  const queue = new FairQueue({ maxWaiting: 0 });
  const queued = new WeirChat(engine, router, { queue });
  const held = await queue.acquire("other", host);
  await expect(run(ask("where is my order A-48213?"), {}, queued)).rejects.toThrow(OverloadedError);
  if (held.acquired) held.lease.release();

  const failing: ReplyHost = { ...host, yieldToHost: () => Promise.reject(new Error("host failed")) };
  const broken = queued.reply("tenant", ask("where is my order A-48213?"), { maxTokens: 50 }, failing);
  await expect(broken.next()).rejects.toThrow("host failed");
  expect((await run(ask("where is my order A-48213?"), {}, queued)).text).toContain("A-48213");
});

test("parallel requests get the replies they would have got alone", async () => {
  const sleep = (ms: number): Promise<void> => new Promise((wake) => setTimeout(wake, ms));
  const timers: ReplyHost = { now: () => Date.now(), sleep, yieldToHost: () => sleep(0) };
  const asked = ["where is my order A-48213?", "why was I charged $84.20?", "我要退款，订单号 A-1234", "how do i bake a cake"].map((text) =>
    ask(text),
  );
  const reply = async (messages: ChatMessage[], i: number): Promise<string> => {
    let text = "";
    for await (const event of chat.reply(`t${i}`, messages, { maxTokens: 96 }, timers)) if (event.type === "delta") text += event.text;
    return text;
  };
  const alone: string[] = [];
  for (const [i, messages] of asked.entries()) alone.push(await reply(messages, i));
  expect(await Promise.all(asked.map(reply))).toEqual(alone);
});
