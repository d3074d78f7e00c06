import { toBase64 } from "@weir/domain/encoding/base64";
import type { ErrorCode } from "@weir/domain/errors";
import type { Usage } from "@weir/domain/inference/usage";
import { openAiErrorBody } from "@weir/http/problem";
import type { Outcome } from "./admission.ts";

/** OpenAI counts cached tokens within the prompt's and reasoning within the completion's; our buckets are disjoint. */
export function openAiUsage(usage: Usage) {
  const prompt = usage.input + usage.cached_input + usage.cache_write;
  const completion = usage.output + usage.reasoning;
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: usage.cached_input },
    completion_tokens_details: { reasoning_tokens: usage.reasoning },
  };
}

export function completionBody(request: string, model: string, text: string, finish: Outcome["finish"], usage: Usage, now: number) {
  return {
    id: `chatcmpl-${request}`,
    object: "chat.completion" as const,
    created: Math.floor(now / 1000),
    model,
    choices: [{ index: 0, message: { role: "assistant" as const, content: text, refusal: null }, logprobs: null, finish_reason: finish }],
    usage: openAiUsage(usage),
  };
}

/** The chunks of a stream. Usage comes last, on a chunk without choices, as OpenAI sends it. */
export function completionChunks(request: string, model: string, now: number) {
  const head = { id: `chatcmpl-${request}`, object: "chat.completion.chunk" as const, created: Math.floor(now / 1000), model };
  const chunk = (delta: object, finish_reason: Outcome["finish"] | null) => ({
    ...head,
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
  });
  return {
    role: () => chunk({ role: "assistant", content: "" }, null),
    text: (content: string) => chunk({ content }, null),
    finish: (reason: Outcome["finish"]) => chunk({}, reason),
    usage: (usage: Usage) => ({ ...head, choices: [], usage: openAiUsage(usage) }),
    error: (code: ErrorCode, message: string) => openAiErrorBody(code, message, undefined),
  };
}

/** Embeddings in order. Base64 holds little-endian float32, and gives a client the very numbers that `float` does. */
export function embeddingsBody(model: string, vectors: Float32Array[], format: "float" | "base64", usage: Usage) {
  const { prompt_tokens } = openAiUsage(usage);
  return {
    object: "list" as const,
    data: vectors.map((vector, index) => ({
      object: "embedding" as const,
      index,
      embedding: format === "base64" ? toBase64(littleEndian(vector)) : Array.from(vector),
    })),
    model,
    usage: { prompt_tokens, total_tokens: prompt_tokens },
  };
}

function littleEndian(vector: Float32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(vector.length * 4));
  for (const [i, value] of vector.entries()) view.setFloat32(i * 4, value, true);
  return new Uint8Array(view.buffer);
}
