import { createRoute, z } from "@hono/zod-openapi";
import { legalBases, specialCategoryConditions } from "@weir/domain/privacy/purposes";
import { newRoutes } from "@weir/http/app";
import { guarded, jsonAnswer, jsonBody, pathId, problemAnswer } from "@weir/http/openapi";
import { effective, listOf, timestamp } from "@weir/http/schemas";
import type { Env } from "../env.ts";
import { listPurposes, setPurpose } from "../purposes.ts";

export const purposes = newRoutes<Env>();

const fields = z.strictObject({
  basis: z.enum(legalBases),
  special_category: z.boolean().optional().openapi({ description: "Data of Art. 9(1) GDPR" }),
  special_category_condition: z
    .enum(specialCategoryConditions)
    .optional()
    .openapi({ description: "Art. 9(2)(b) to (j); without one, explicit consent is needed" }),
  assessment_ref: z.string().min(1).max(500).optional().openapi({ description: "Where the balancing test or impact assessment is" }),
  necessity: z
    .string()
    .min(1)
    .max(2_000)
    .optional()
    .openapi({ description: "Why the service cannot be had without this purpose, Art. 7(4)" }),
  age_rule: z
    .strictObject({ minimum_age: z.number().int().min(1).max(21) })
    .optional()
    .openapi({ description: "From which age a person may consent themselves" }),
});
const purpose = fields.extend({ id: z.string(), basis_since: timestamp.optional() });

purposes.openapi(
  createRoute({
    method: "put",
    path: "/privacy/v1/purposes/{id}",
    summary: "Record on which legal basis a purpose rests",
    description:
      "The controller's choice, which Weir holds to. From the first purpose on, only recorded ones exist. A change of basis never revives a refusal.",
    ...guarded("privacy:officer"),
    request: { params: z.object({ id: pathId("purpose", "The purpose's name, such as `chat` or `training`") }), ...jsonBody(fields) },
    responses: {
      200: jsonAnswer(purpose.extend({ version: z.number().int(), ...effective.shape }), "The purpose, in force"),
      202: jsonAnswer(purpose.extend({ version: z.number().int(), ...effective.shape }), "The purpose; not yet in force everywhere"),
      ...problemAnswer,
    },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    const result = await setPurpose(c.env, c.executionCtx, c.get("caller").tenant, id, c.req.valid("json"), Date.now());
    return result.effective_at === null ? c.json(result, 202) : c.json(result, 200);
  },
);

purposes.openapi(
  createRoute({
    method: "get",
    path: "/privacy/v1/purposes",
    summary: "List the purposes",
    ...guarded("privacy:officer", "privacy:app", "audit:read"),
    responses: { 200: jsonAnswer(listOf(purpose.extend({ updated_at: timestamp })), "The purposes"), ...problemAnswer },
  }),
  async (c) => c.json(await listPurposes(c.env.DB, c.get("caller").tenant), 200),
);
