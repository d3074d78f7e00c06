import { createRoute, z } from "@hono/zod-openapi";
import { provenances } from "@weir/domain/privacy/consent";
import { newRoutes } from "@weir/http/app";
import { guarded, jsonAnswer, jsonBody, problemAnswer } from "@weir/http/openapi";
import { effective, timestamp } from "@weir/http/schemas";
import type { Env } from "../env.ts";
import { setPolicy, showPolicy } from "../policy.ts";

export const policies = newRoutes<Env>();

const inForce = z.object({
  required_purposes: z.array(z.string()),
  min_provenance: z.enum(provenances).nullable(),
  version: z.number().int(),
});

policies.openapi(
  createRoute({
    method: "put",
    path: "/privacy/v1/policy",
    summary: "Set what every request must satisfy",
    description:
      "The basis of each required purpose must hold beside that of the request's own. Making consent to a separable purpose a condition is refused.",
    ...guarded("privacy:officer"),
    request: jsonBody(
      z.strictObject({
        required_purposes: z.array(z.string().min(1).max(64)).max(20),
        min_provenance: z
          .enum(provenances)
          .optional()
          .openapi({ description: "The weakest way in which a consent may have come to be known" }),
      }),
    ),
    responses: {
      200: jsonAnswer(inForce.extend(effective.shape), "The policy, in force"),
      202: jsonAnswer(inForce.extend(effective.shape), "The policy; not yet in force everywhere"),
      ...problemAnswer,
    },
  }),
  async (c) => {
    const result = await setPolicy(c.env, c.executionCtx, c.get("caller").tenant, c.req.valid("json"), Date.now());
    return result.effective_at === null ? c.json(result, 202) : c.json(result, 200);
  },
);

policies.openapi(
  createRoute({
    method: "get",
    path: "/privacy/v1/policy",
    summary: "Show what every request must satisfy",
    ...guarded("privacy:officer", "audit:read"),
    responses: { 200: jsonAnswer(inForce.extend({ updated_at: timestamp.nullable() }), "The policy"), ...problemAnswer },
  }),
  async (c) => c.json(await showPolicy(c.env.DB, c.get("caller").tenant), 200),
);
