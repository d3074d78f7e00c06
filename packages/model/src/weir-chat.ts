import { ContextLengthError, type ChatEngine, type ChatMessage, type Host, type Usage } from "./chat.ts";
import { FairQueue, type QueueHost } from "./fair-queue.ts";
import { askedFact, clarifyingQuestion, honestWording, inventedValues, safeSentence, unknownFact, type AskedFact } from "./guards.ts";
import type { Intent, IntentRouter, Route } from "./router.ts";
import { languageOf } from "./router-features.ts";
import { StopSequences } from "./stop-sequences.ts";

export interface ReplyOptions {
  /** The most tokens to deliver. */
  maxTokens: number;
  temperature?: number;
  topP?: number;
  seed?: number;
  stop?: readonly string[];
}

/** What a reply needs from the request it runs in: a timer, a clock, perhaps a signal. All of this request, none shared. */
export type ReplyHost = QueueHost & Host;

/** A rule that changed what the model would have said. */
export type GuardName = "clarify" | "unknown_fact" | "fact_from_context" | "regenerated" | "invented_value" | "reworded";

export type ReplyEvent =
  | { type: "delta"; text: string; tokens: number }
  | {
      type: "end";
      finishReason: "stop" | "length";
      /** inputTokens: the caller's messages. outputTokens: the delivered text, as the tokenizer counts it. */
      usage: Usage;
      /** Tokens the model generated beyond the delivered ones: discarded replies and rephrased parts. Nobody is billed for them. */
      wastedTokens: number;
      route: Route;
      guards: readonly GuardName[];
    };

/** The queue is full: try again later. */
export class OverloadedError extends Error {
  override readonly name = "OverloadedError";
  readonly code = "overloaded";
  readonly waiting: number;

  constructor(waiting: number) {
    super(`${waiting} requests are already waiting for the model.`);
    this.waiting = waiting;
  }
}

export interface WeirChatOptions {
  /** Below this router confidence the reply is a clarifying question. */
  minConfidence?: number;
  queue?: FairQueue;
}

const DEFAULT_MIN_CONFIDENCE = 0.5;
/** The longest reply of the training data is below this; what the caller asks for only cuts the delivered text. */
const REPLY_TOKENS = 128;
const RETRY_TEMPERATURE = 0.7;

interface Draft {
  text: string;
  generatedTokens: number;
  finishReason: "stop" | "length";
  guards: GuardName[];
}

/**
 * The whole chat model: the router understands, the language model words the answer, the guards keep it honest.
 * One per isolate; a FairQueue lets one request at a time use the engine.
 */
export class WeirChat {
  readonly #engine: ChatEngine;
  readonly #router: IntentRouter;
  readonly #queue: FairQueue;
  readonly #minConfidence: number;

  constructor(engine: ChatEngine, router: IntentRouter, options: WeirChatOptions = {}) {
    this.#engine = engine;
    this.#router = router;
    this.#queue = options.queue ?? new FairQueue();
    this.#minConfidence = options.minConfidence ?? DEFAULT_MIN_CONFIDENCE;
  }

  /** Exact input tokens of a conversation, the number reply() will report. */
  tokens(messages: readonly ChatMessage[]): number {
    return this.#engine.tokens(messages);
  }

  /**
   * Answers a conversation. The guards need the whole reply, so it is generated first (some 30 ms) and streamed out after; the engine is
   * free again by then, however slowly the caller reads.
   * @param key who waits in the queue: the tenant id. Tenants take turns.
   * @throws {ContextLengthError} when the messages and maxTokens exceed the context
   * @throws {OverloadedError} when too many requests wait
   */
  async *reply(
    key: string,
    messages: readonly ChatMessage[],
    options: ReplyOptions,
    host: ReplyHost,
  ): AsyncGenerator<ReplyEvent, void, void> {
    const inputTokens = this.tokens(messages);
    const { maxTokens, stop = [] } = options;
    if (!Number.isInteger(maxTokens) || maxTokens < 1) throw new RangeError("maxTokens must be a positive integer.");
    if (inputTokens + maxTokens > this.#engine.contextLength)
      throw new ContextLengthError(inputTokens, maxTokens, this.#engine.contextLength);

    const userTexts = messages.filter((message) => message.role === "user").map((message) => message.content);
    const route = this.#router.routeTurns(userTexts);
    const draft = await this.#draft(key, messages, userTexts.at(-1) ?? "", route, options, host);

    const stops = new StopSequences(stop);
    const text = stops.push(draft.text) + stops.flush();
    const ids = this.#engine.tokenizer.encode(text);
    const delivered = ids.slice(0, maxTokens);
    const stream = this.#engine.tokenizer.decodeStream();
    let unreported = 0;
    for (const [i, id] of delivered.entries()) {
      const piece = stream.push(id) + (i === delivered.length - 1 ? stream.flush() : "");
      unreported++;
      if (piece === "") continue;
      yield { type: "delta", text: piece, tokens: unreported };
      unreported = 0;
    }
    const cut = delivered.length < ids.length || (draft.finishReason === "length" && !stops.stopped);
    yield {
      type: "end",
      finishReason: cut ? "length" : "stop",
      usage: { inputTokens, outputTokens: delivered.length },
      wastedTokens: Math.max(0, draft.generatedTokens - delivered.length),
      route,
      guards: draft.guards,
    };
  }

  /** The complete, guarded reply. */
  async #draft(
    key: string,
    messages: readonly ChatMessage[],
    question: string,
    route: Route,
    options: ReplyOptions,
    host: ReplyHost,
  ): Promise<Draft> {
    const fixed = (text: string, guard: GuardName): Draft => ({ text, generatedTokens: 0, finishReason: "stop", guards: [guard] });
    const { language } = route;
    const fact = askedFact(question, messages, language);
    if (fact && fact.value === undefined) return fixed(unknownFact(fact.name, language), "unknown_fact");
    if (!fact && route.confidence < this.#minConfidence) return fixed(clarifyingQuestion(language, route.ranked), "clarify");
    if (!fact && route.intent === "refund_policy")
      return fixed(unknownFact(language === "zh" ? "退款规则" : "refund rules", language), "unknown_fact");

    const queued = await this.#queue.acquire(key, host);
    if (!queued.acquired) throw new OverloadedError(queued.waiting);
    const { lease } = queued;
    try {
      const leased: Host = {
        signal: host.signal,
        yieldToHost: async () => {
          await host.yieldToHost();
          lease.refresh();
        },
      };
      return fact ? await this.#readFact(messages, fact, options, leased) : await this.#answer(messages, route, options, leased);
    } finally {
      lease.release();
    }
  }

  /** Lets the model read a fact from the system message. It misreads one in five: then the stated value itself is the answer. */
  async #readFact(messages: readonly ChatMessage[], fact: AskedFact, options: ReplyOptions, host: Host): Promise<Draft> {
    const draft = await this.#generate(messages, options, host);
    const value = fact.value ?? "";
    const text = honestWording(draft.text, messages, "ood", languageOf(fact.answer ?? ""));
    if (text.includes(value) && inventedValues(text, messages).length === 0)
      return text === draft.text ? draft : { ...draft, text, guards: ["reworded"] };
    return { ...draft, text: fact.answer ?? "", finishReason: "stop", guards: ["fact_from_context"] };
  }

  async #answer(messages: readonly ChatMessage[], route: Route, options: ReplyOptions, host: Host): Promise<Draft> {
    const { intent, language } = route;
    const hinted = withHint(messages, intent);
    const first = await this.#generate(hinted, options, host);
    const text = honestWording(first.text, messages, intent, language);
    if (inventedValues(text, messages).length === 0) return { ...first, text, guards: text === first.text ? [] : ["reworded"] };

    const retry = { ...options, temperature: Math.max(options.temperature ?? 0, RETRY_TEMPERATURE), seed: (options.seed ?? 0) + 1 };
    const second = await this.#generate(hinted, retry, host);
    const generatedTokens = first.generatedTokens + second.generatedTokens;
    const again = honestWording(second.text, messages, intent, language);
    if (inventedValues(again, messages).length === 0) return { ...second, text: again, generatedTokens, guards: ["regenerated"] };
    return { text: safeSentence(intent, language), generatedTokens, finishReason: "stop", guards: ["regenerated", "invented_value"] };
  }

  async #generate(messages: readonly ChatMessage[], options: ReplyOptions, host: Host): Promise<Draft> {
    const room = this.#engine.contextLength - this.#engine.tokens(messages);
    const { temperature, topP, seed } = options;
    const sampling = {
      ...(temperature !== undefined && { temperature }),
      ...(topP !== undefined && { topP }),
      ...(seed !== undefined && { seed }),
    };
    const draft: Draft = { text: "", generatedTokens: 0, finishReason: "stop", guards: [] };
    // Without room for the hint the context is full in any case; generate() then says so with numbers.
    for await (const event of this.#engine.generate(
      messages,
      { ...sampling, maxTokens: Math.max(1, Math.min(REPLY_TOKENS, room)) },
      host,
    )) {
      if (event.type === "delta") draft.text += event.text;
      else {
        draft.generatedTokens = event.usage.outputTokens;
        draft.finishReason = event.finishReason;
      }
    }
    return draft;
  }
}

/** The hint weir-chat was trained with: one more system message after the last user turn. */
function withHint(messages: readonly ChatMessage[], intent: Intent): ChatMessage[] {
  const last = messages.findLastIndex((message) => message.role === "user");
  const hint: ChatMessage = { role: "system", content: `intent: ${intent}` };
  return [...messages.slice(0, last + 1), hint, ...messages.slice(last + 1)];
}
