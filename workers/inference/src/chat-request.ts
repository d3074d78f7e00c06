import { z } from "@hono/zod-openapi";
import { parseOpenAiRequest } from "./openai-request.ts";
import type { ChatMessage } from "./providers/provider.ts";

const textPart = z.strictObject({ type: z.literal("text"), text: z.string() });
const message = z.object({
  role: z.enum(["system", "developer", "user", "assistant"]),
  content: z.union([z.string(), z.array(textPart).min(1)]),
  name: z.string().optional(),
});

/** What `/v1/chat/completions` takes, in OpenAI's names. */
export const chatRequest = z
  .strictObject({
    model: z.string().min(1).max(200),
    messages: z.array(message).min(1).max(1_000),
    stream: z.boolean().nullish(),
    stream_options: z.strictObject({ include_usage: z.boolean().optional(), include_obfuscation: z.boolean().optional() }).nullish(),
    max_tokens: z.number().int().min(1).nullish(),
    max_completion_tokens: z.number().int().min(1).nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    seed: z.number().int().nullish(),
    stop: z.union([z.string(), z.array(z.string()).max(4)]).nullish(),
    n: z.literal(1).nullish(),
    user: z.string().optional(),
    safety_identifier: z.string().optional(),
    metadata: z.record(z.string(), z.string()).nullish(),
    service_tier: z.string().nullish(),
    store: z.literal(false).nullish(),
    presence_penalty: z.literal(0).nullish(),
    frequency_penalty: z.literal(0).nullish(),
  })
  .openapi("ChatCompletionRequest");

export type ChatRequest = z.infer<typeof chatRequest>;

const NOT_YET = new Set([
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "functions",
  "function_call",
  "response_format",
  "logprobs",
  "top_logprobs",
  "logit_bias",
  "audio",
  "modalities",
  "prediction",
  "reasoning_effort",
  "verbosity",
  "web_search_options",
  "prompt_cache_key",
  "prompt_cache_retention",
]);

/** Reads a chat request; a field that nobody knows is named with the nearest that exists. */
export function parseChatRequest(body: unknown): ChatRequest {
  return parseOpenAiRequest(chatRequest, withoutDefaults(body), NOT_YET);
}

/** Leaves out what frameworks send though it asks for nothing: no tools, no log probabilities, plain text. */
function withoutDefaults(body: unknown): unknown {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return body;
  return Object.fromEntries(Object.entries(body).filter(([field, value]) => !NOT_YET.has(field) || !asksForNothing(value)));
}

function asksForNothing(value: unknown): boolean {
  if (value === null || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && "type" in value && value.type === "text";
}

/** Messages as providers take them: `developer` is the newer name of `system`, text parts are joined. */
export function plainMessages(request: ChatRequest): ChatMessage[] {
  return request.messages.map(({ role, content }) => ({
    role: role === "developer" ? "system" : role,
    content: typeof content === "string" ? content : content.map((part) => part.text).join(""),
  }));
}
