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
