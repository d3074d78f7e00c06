import { z } from "@hono/zod-openapi";
import { WeirError } from "@weir/domain/errors";
import { nearestNames } from "@weir/domain/inference/nearest-names";
import { invalidRequest } from "@weir/http/app";
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

// OpenAI's own fields that ask for something which no provider here does yet: named as such, not as a typing error.
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
  const parsed = chatRequest.safeParse(body);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    if (issue.code !== "unrecognized_keys" || issue.path.length > 0) continue;
    for (const field of issue.keys) throw unknownField(field);
  }
  throw invalidRequest(parsed.error);
}

function unknownField(field: string): WeirError {
  if (NOT_YET.has(field)) {
    return new WeirError("unsupported_parameter", `${field}: no deployment of this cell does this.`, { param: field });
  }
  const [nearest] = nearestNames(field, Object.keys(chatRequest.shape));
  const hint = nearest === undefined ? "" : ` Did you mean \`${nearest}\`?`;
  return new WeirError("invalid_request", `${field.slice(0, 100)}: there is no such field.${hint}`, { param: field.slice(0, 100) });
}

/** Messages as providers take them: `developer` is the newer name of `system`, text parts are joined. */
export function plainMessages(request: ChatRequest): ChatMessage[] {
  return request.messages.map(({ role, content }) => ({
    role: role === "developer" ? "system" : role,
    content: typeof content === "string" ? content : content.map((part) => part.text).join(""),
  }));
}
