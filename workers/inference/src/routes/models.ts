import { createRoute, z } from "@hono/zod-openapi";
import { newRoutes } from "@weir/http/app";
import { guarded, jsonAnswer, jsonBody, pathId, problemAnswer } from "@weir/http/openapi";
import { currencyCode, decimalText, effective, listOf, timestamp } from "@weir/http/schemas";
import type { Env } from "../env.ts";
import { createDeployment, createModel, deleteDeployment, listDeployments } from "../models.ts";

export const models = newRoutes<Env>();

const modelName = z
  .string()
  .regex(/^[A-Za-z0-9][\w.:/-]{0,99}$/, "must be 1 to 100 letters, digits, or . : / _ -")
  .openapi({ example: "weir-chat" });
const newModel = z.strictObject({ id: modelName, name: z.string().trim().min(1).max(200) });

models.openapi(
  createRoute({
    method: "post",
    path: "/inference/v1/models",
    summary: "Publish a model",
    ...guarded("models:admin"),
    request: jsonBody(newModel),
    responses: { 201: jsonAnswer(newModel.extend({ created_at: timestamp }), "The model"), ...problemAnswer },
  }),
  async (c) => c.json(await createModel(c.env, c.get("caller").tenant, c.req.valid("json"), Date.now()), 201),
);

const tokenPrice = z.strictObject({
  currency: currencyCode,
  per: z.number().int().min(1).openapi({ example: 1_000_000 }),
  input: decimalText,
  cached_input: decimalText.optional(),
  cache_write: decimalText.optional(),
  output: decimalText,
  reasoning: decimalText.optional(),
  audio: decimalText.optional(),
  image: decimalText.optional(),
});
const place = z.string().min(1).max(32);

/** A single code where a list is meant is the commonest form of one place. */
const places = z
  .union([place, z.array(place).max(300)])
  .transform((value) => (typeof value === "string" ? [value] : value))
  .openapi({ type: "array", items: { type: "string" }, example: ["de"] });

const newDeployment = z.strictObject({
  model: modelName,
  provider: z.enum(["embedded", "openai-compatible", "workers-ai"]),
  base_url: z.string().max(500).optional(),
  credential: z
    .string()
    .max(4_000)
    .regex(/^[\x21-\x7e]+$/, "must be visible ASCII characters, as a header carries them")
    .optional()
    .openapi({ description: "The upstream's key; write-only", writeOnly: true }),
  upstream_model: z.string().min(1).max(200).optional(),
  max_output_tokens: z.number().int().min(1).max(1_000_000).optional(),
  region: place,
  stores_in: places,
  logs_in: places.optional(),
  retention_days: z.number().int().min(0).max(36_500).optional(),
  trains_on_content: z.union([z.boolean(), z.literal("unknown")]).default("unknown"),
  subprocessor: z.string().max(200).optional(),
  transfer: z.string().max(200).optional(),
  price: tokenPrice,
  cost: tokenPrice,
  weight: z.number().int().min(0).max(1_000_000).default(1),
});

models.openapi(
  createRoute({
    method: "post",
    path: "/inference/v1/deployments",
    summary: "Serve a model somewhere",
    ...guarded("models:admin"),
    request: jsonBody(newDeployment),
    responses: {
      201: jsonAnswer(
        newDeployment.omit({ credential: true, stores_in: true, logs_in: true }).extend({
          id: z.string(),
          stores_in: z.array(z.string()),
          logs_in: z.array(z.string()).optional(),
          price_version: z.string(),
        }),
        "The deployment, without its credential",
      ),
      ...problemAnswer,
    },
  }),
  async (c) => c.json(await createDeployment(c.env, c.executionCtx, c.get("caller").tenant, c.req.valid("json"), Date.now()), 201),
);

models.openapi(
  createRoute({
    method: "get",
    path: "/inference/v1/deployments",
    summary: "List where models are served",
    ...guarded("models:admin"),
    responses: {
      200: jsonAnswer(
        listOf(
          z.object({
            id: z.string(),
            model: z.string(),
            provider: z.string(),
            base_url: z.string().nullable(),
            upstream_model: z.string(),
            region: z.string(),
            stores_in: z.array(z.string()),
            logs_in: z.array(z.string()).nullable(),
            retention_days: z.number().int().nullable(),
            trains_on_content: z.union([z.boolean(), z.literal("unknown")]),
            subprocessor: z.string().nullable(),
            transfer: z.string().nullable(),
            max_output_tokens: z.number().int(),
            has_credential: z.boolean(),
            price: tokenPrice,
            cost: tokenPrice,
            weight: z.number().int(),
            price_version: z.string(),
          }),
        ),
        "The deployments",
      ),
      ...problemAnswer,
    },
  }),
  async (c) => c.json(await listDeployments(c.env.DB, c.get("caller").tenant), 200),
);

models.openapi(
  createRoute({
    method: "delete",
    path: "/inference/v1/deployments/{id}",
    summary: "Take a deployment out of service",
    ...guarded("models:admin"),
    request: { params: z.object({ id: pathId("deployment", "The deployment's id, `dep_<cell>_…`") }) },
    responses: {
      200: jsonAnswer(effective, "No later request reaches it"),
      202: jsonAnswer(effective, "Deleted; not yet everywhere"),
      ...problemAnswer,
    },
  }),
  async (c) => {
    const result = await deleteDeployment(c.env, c.executionCtx, c.get("caller").tenant, c.req.valid("param").id, Date.now());
    return result.effective_at === null ? c.json(result, 202) : c.json(result, 200);
  },
);
