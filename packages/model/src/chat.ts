import { GgufError, type GgufFile } from "./gguf.ts";
import { Llama, type LlamaOptions } from "./llama.ts";
import { sample, seededRandom } from "./sampling.ts";
import { StopSequences } from "./stop-sequences.ts";
import { Tokenizer } from "./tokenizer.ts";

export type ChatRole = "system" | "user" | "assistant";

export interface ChatMessage {
  role: ChatRole;
  content: string;
}

export interface GenerateOptions {
  /** The most tokens to generate. */
  maxTokens: number;
  /** 0, the default, is greedy and deterministic. */
  temperature?: number;
  /** Default 1: no nucleus. */
  topP?: number;
  /** Default 0. The same seed and prompt give the same reply. */
  seed?: number;
  /** The reply ends before the first of these; they are never part of it. */
  stop?: readonly string[];
}

/** What a generation needs from the request it runs in. */
export interface Host {
  /** Awaited every few tokens: a timer of this request, so that other requests run and the clock moves. */
  yieldToHost: () => Promise<void>;
  /** Checked after each yield; the generation then throws the signal's reason. */
  signal?: AbortSignal;
}

export interface Usage {
  inputTokens: number;
  outputTokens: number;
}

export type ChatEvent =
  /** Whole characters only. `tokens` is how many were generated since the event before. */
  { type: "delta"; text: string; tokens: number } | { type: "end"; finishReason: "stop" | "length"; usage: Usage };

/** The prompt and the requested reply do not fit the context together. Nothing is dropped silently. */
export class ContextLengthError extends Error {
  override readonly name = "ContextLengthError";
  readonly code = "context_length_exceeded";
  readonly inputTokens: number;
  readonly maxTokens: number;
  readonly contextLength: number;

  constructor(inputTokens: number, maxTokens: number, contextLength: number) {
    super(`The prompt has ${inputTokens} tokens and ${maxTokens} were requested, but the context holds ${contextLength}.`);
    this.inputTokens = inputTokens;
    this.maxTokens = maxTokens;
    this.contextLength = contextLength;
  }
}

/** Another generation started on the same engine. Its cache is now the other's, so this one cannot go on. */
export class SupersededError extends Error {
  override readonly name = "SupersededError";
}

// At about 1,000 tokens a second this is every 8 ms.
const TOKENS_BETWEEN_YIELDS = 8;
const PROMPT_TOKENS_BETWEEN_YIELDS = 64;

const CONTROL_TOKENS = { system: "<|system|>", user: "<|user|>", assistant: "<|assistant|>", end: "<|end|>" } as const;

/**
 * Chat over one model: template, generation, sampling, stop sequences, exact token counts.
 * Holds one key-value cache, so one generation at a time; run it behind a FairQueue. A second one supersedes the first, it never corrupts it.
 */
export class ChatEngine {
  readonly tokenizer: Tokenizer;
  readonly contextLength: number;
  readonly #model: Llama;
  readonly #control: Record<keyof typeof CONTROL_TOKENS, number>;
  #generation = 0;

  /** @throws {GgufError} when the file is not a chat model with this package's four control tokens */
  constructor(file: GgufFile, kernel: WebAssembly.Module, options: LlamaOptions = {}) {
    this.tokenizer = new Tokenizer(file);
    this.#model = new Llama(file, kernel, options);
    this.contextLength = this.#model.config.contextLength;
    if (this.tokenizer.vocabularySize !== this.#model.config.vocabulary) {
      throw new GgufError("The tokenizer's vocabulary and the embedding matrix differ in size.");
    }
    const control = (name: string): number => {
      const id = this.tokenizer.controlToken(name);
      if (id === undefined) throw new GgufError(`The vocabulary has no control token ${name}.`);
      return id;
    };
    this.#control = {
      system: control(CONTROL_TOKENS.system),
      user: control(CONTROL_TOKENS.user),
      assistant: control(CONTROL_TOKENS.assistant),
      end: control(CONTROL_TOKENS.end),
    };
  }

  /** Exact number of prompt tokens of a conversation, template included. */
  tokens(messages: readonly ChatMessage[]): number {
    return this.#prompt(messages).length;
  }

  /** <|role|>text<|end|> for each message, then <|assistant|> for the reply to follow. */
  #prompt(messages: readonly ChatMessage[]): number[] {
    const ids: number[] = [];
    for (const { role, content } of messages) {
      ids.push(this.#control[role]);
      for (const id of this.tokenizer.encode(content)) ids.push(id);
      ids.push(this.#control.end);
    }
    ids.push(this.#control.assistant);
    return ids;
  }

  /**
   * Generates a reply: deltas, then one end event with exact usage.
   * @throws {ContextLengthError} before anything runs, when prompt and maxTokens exceed the context
   * @throws {SupersededError} when another generation has started on this engine
   */
  async *generate(messages: readonly ChatMessage[], options: GenerateOptions, host: Host): AsyncGenerator<ChatEvent, void, void> {
    const prompt = this.#prompt(messages);
    const { maxTokens, temperature = 0, topP = 1, seed = 0, stop = [] } = options;
    if (!Number.isInteger(maxTokens) || maxTokens < 1) throw new RangeError("maxTokens must be a positive integer.");
    if (prompt.length + maxTokens > this.contextLength) throw new ContextLengthError(prompt.length, maxTokens, this.contextLength);

    const generation = ++this.#generation;
    const pause = async (): Promise<void> => {
      await host.yieldToHost();
      host.signal?.throwIfAborted();
      if (generation !== this.#generation) throw new SupersededError("Another generation took over this engine.");
    };
    host.signal?.throwIfAborted();

    for (let start = 0; start < prompt.length; start += PROMPT_TOKENS_BETWEEN_YIELDS) {
      if (start > 0) await pause();
      this.#model.forward(prompt.slice(start, start + PROMPT_TOKENS_BETWEEN_YIELDS), start);
    }

    const random = seededRandom(seed);
    const stream = this.tokenizer.decodeStream();
    const stops = new StopSequences(stop);
    let outputTokens = 0;
    let reported = 0;
    let finishReason: "stop" | "length" = "length";
    for (;;) {
      const token = sample(this.#model.logits(), { temperature, topP }, random);
      if (token === this.#control.end) {
        finishReason = "stop";
        break;
      }
      outputTokens++;
      const text = stops.push(stream.push(token));
      if (text) {
        yield { type: "delta", text, tokens: outputTokens - reported };
        reported = outputTokens;
      }
      if (stops.stopped) {
        finishReason = "stop";
        break;
      }
      if (outputTokens === maxTokens) break;
      if (outputTokens % TOKENS_BETWEEN_YIELDS === 0) await pause();
      // The consumer may have paused us for long between two deltas.
      if (generation !== this.#generation) throw new SupersededError("Another generation took over this engine.");
      this.#model.forward([token], prompt.length + outputTokens - 1);
    }
    const rest = stops.push(stream.flush()) + stops.flush();
    if (rest || outputTokens > reported) yield { type: "delta", text: rest, tokens: outputTokens - reported };
    yield { type: "end", finishReason, usage: { inputTokens: prompt.length, outputTokens } };
  }
}
