import { z } from "@hono/zod-openapi";
import type { HttpEnv } from "@weir/http/auth";
import type { Context } from "hono";
import type { RequestFacts } from "../admit-request.ts";
import type { Env } from "../env.ts";

/** What the operations under `/v1` have in common. */
export const security = [{ apiKey: ["inference:call"] }];

export const requestHeaders = z.object({ "x-weir-purpose": z.string().optional(), "x-weir-subject": z.string().optional() });

const openAiError = z
  .object({ error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string() }) })
  .openapi("OpenAIError");
export const errorAnswer = {
  default: { description: "What went wrong, as OpenAI says it", content: { "application/json": { schema: openAiError } } },
};

export function factsOf(c: Context<HttpEnv<Env>>): RequestFacts {
  return {
    id: c.get("requestId"),
    authorization: c.req.header("authorization"),
    subject: c.req.header("x-weir-subject"),
    purpose: c.req.header("x-weir-purpose"),
    country: countryOf(c.req.raw),
    signal: c.req.raw.signal,
  };
}

/** The country that the network saw the request come from. A client's own headers about its place are not read. */
function countryOf(request: Request): string | undefined {
  const country = request.cf?.["country"];
  return typeof country === "string" ? country : undefined;
}
