import { createRoute, z } from "@hono/zod-openapi";
import { readJson } from "@weir/http/json-body";
import { bearerKey } from "@weir/http/auth";
import type { newApp } from "@weir/http/app";
import { createEmbeddings } from "../embedding.ts";
import { embeddingRequest, parseEmbeddingRequest } from "../embedding-request.ts";
import type { Env } from "../env.ts";
import { gateAdmission } from "../gate-admission.ts";
import { errorAnswer, factsOf, requestHeaders, security } from "./openai-surface.ts";

const embedding = z.object({
  object: z.literal("embedding"),
  index: z.number().int(),
  embedding: z.union([z.array(z.number()), z.string()]).openapi({ description: "Numbers, or base64 of little-endian float32" }),
});

/** Embeddings, as OpenAI's. */
export function addEmbeddings(v1: ReturnType<typeof newApp<Env>>): void {
  v1.openAPIRegistry.registerPath(
    createRoute({
      method: "post",
      path: "/v1/embeddings",
      summary: "Turn texts into vectors",
      description: "As OpenAI's, of texts. `x-weir-purpose` and `x-weir-subject` are as for a chat.",
      security,
      request: { headers: requestHeaders, body: { required: true, content: { "application/json": { schema: embeddingRequest } } } },
      responses: {
        200: {
          description: "One vector for each text, in order",
          content: {
            "application/json": {
              schema: z.object({
                object: z.literal("list"),
                data: z.array(embedding),
                model: z.string(),
                usage: z.object({ prompt_tokens: z.number().int(), total_tokens: z.number().int() }),
              }),
            },
          },
        },
        ...errorAnswer,
      },
    }),
  );

  // Not by the validator, as for a chat: the Gate knows the key.
  v1.post("/v1/embeddings", async (c) => {
    bearerKey(c.req.header("authorization"));
    const request = parseEmbeddingRequest(readJson(await c.req.text()));
    const answer = createEmbeddings(c.env, c.executionCtx, gateAdmission(c.env), factsOf(c), request);
    // A client that leaves would end this handler with credit held; so it goes on until it has settled.
    c.executionCtx.waitUntil(answer.catch(() => undefined));
    return answer;
  });
}
