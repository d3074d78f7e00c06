import type { Usage } from "@weir/domain/inference/usage";
import type { Outcome } from "../admission.ts";
import type { Env } from "../env.ts";
import type { DeploymentRoute } from "../snapshot.ts";

export interface ChatMessage {
  role: "system" | "user" | "assistant";
  content: string;
}

export interface ChatCall {
  request: string;
  tenant: string;
  deployment: DeploymentRoute;
  messages: ChatMessage[];
  maxTokens: number;
  temperature: number | undefined;
  topP: number | undefined;
  seed: number | undefined;
  stop: string[];
  /** Aborted when the client is gone or the time is up: the provider must be told. */
  signal: AbortSignal;
}

export interface EmbedCall {
  request: string;
  tenant: string;
  deployment: DeploymentRoute;
  texts: string[];
  /** How long the vectors shall be; undefined: as the model makes them. */
  dimensions: number | undefined;
  /** Aborted when the client is gone or the time is up. */
  signal: AbortSignal;
}

export interface Embeddings {
  /** One for each text, in order. */
  vectors: Float32Array[];
  /** Undefined where the provider does not say. */
  usage: Usage | undefined;
}

export type FinishReason = Exclude<Outcome["finish"], "cancelled" | "error">;

/** What a provider yields, in order: pieces of text, then why it ended, and what it used where it says so. */
export type ChatDelta = { type: "text"; text: string } | { type: "usage"; usage: Usage } | { type: "finish"; reason: FinishReason };

/**
 * One way to have a model answered. Throws `WeirError` (`upstream_failed`, `upstream_timeout`, `overloaded`, `context_length_exceeded`,
 * `unsupported_language`, and `unsupported_parameter` for what its model cannot do).
 * A new provider is a file beside this one and a line in `providers/registry.ts`.
 */
export interface Provider {
  chat(env: Env, call: ChatCall): AsyncIterable<ChatDelta>;
  embed(env: Env, call: EmbedCall): Promise<Embeddings>;
}
