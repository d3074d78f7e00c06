import { createRoute, z } from "@hono/zod-openapi";
import { WeirError } from "@weir/domain/errors";
import { newApp } from "@weir/http/app";
import { requireKeyForm, requireScope } from "@weir/http/auth";
import { readJson } from "@weir/http/json-body";
import { completeChat } from "../chat-completion.ts";
import { chatRequest, parseChatRequest } from "../chat-request.ts";
import type { Env } from "../env.ts";
import { gateAdmission } from "../gate-admission.ts";
import { findModel, listModels } from "../models.ts";
import { addEmbeddings } from "./embeddings.ts";
import { errorAnswer, factsOf, requestHeaders, security } from "./openai-surface.ts";

// A prompt of a million tokens is about 4 MB.
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** OpenAI's surface: their shapes, their errors, so that their clients work unchanged. */
export const v1 = newApp<Env>({ errors: "openai", maxBodyBytes: MAX_BODY_BYTES, path: "/v1/*", before: requireKeyForm });

v1.openAPIRegistry.registerPath(
  createRoute({
    method: "post",
    path: "/v1/chat/completions",
    summary: "Answer a chat",
    description: "As OpenAI's. `x-weir-purpose` names the purpose (default `chat`), `x-weir-subject` the person whom the request is for.",
    security,
    request: {
      headers: requestHeaders,
      body: { required: true, content: { "application/json": { schema: chatRequest } } },
    },
    responses: {
      200: {
        description: "The answer, or server-sent events with `stream: true`",
        content: { "application/json": { schema: z.object({ id: z.string(), object: z.string() }).loose() } },
      },
      ...errorAnswer,
    },
  }),
);

// Not by the validator: its order of checks is key, scope, model …, and the Gate knows the key. It names unknown fields too.
v1.post("/v1/chat/completions", async (c) => {
  const request = parseChatRequest(readJson(await c.req.text()));
  const answer = completeChat(c.env, c.executionCtx, gateAdmission(c.env), factsOf(c), request);
  // A client that leaves before the first byte would end this handler with credit held; so it goes on until it has settled.
  c.executionCtx.waitUntil(answer.catch(() => undefined));
  return answer;
});

addEmbeddings(v1);

const modelObject = z.object({ id: z.string(), object: z.literal("model"), created: z.number().int(), owned_by: z.string() });

v1.openapi(
  createRoute({
    method: "get",
    path: "/v1/models",
    summary: "List the models",
    security,
    middleware: [requireScope("inference:call")],
    responses: {
      200: {
        description: "The models",
        content: { "application/json": { schema: z.object({ object: z.literal("list"), data: z.array(modelObject) }) } },
      },
      ...errorAnswer,
    },
  }),
  async (c) => c.json({ object: "list" as const, data: await listModels(c.env.DB, c.get("caller").tenant) }, 200),
);

v1.openapi(
  createRoute({
    method: "get",
    path: "/v1/models/{model}",
    summary: "Show a model",
    security,
    middleware: [requireScope("inference:call")],
    request: { params: z.object({ model: z.string().min(1).max(200).openapi({ "x-weir-resource": "model" }) }) },
    responses: { 200: { description: "The model", content: { "application/json": { schema: modelObject } } }, ...errorAnswer },
  }),
  async (c) => c.json(await findModel(c.env.DB, c.get("caller").tenant, c.req.valid("param").model), 200),
);

// A sub-app keeps its own error handler but not its own `notFound`.
v1.all("/v1/*", () => {
  throw new WeirError("not_found", "No such path and method under /v1. `/openapi.json` lists all.");
});
