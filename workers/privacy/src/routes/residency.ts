import { createRoute, z } from "@hono/zod-openapi";
import { newRoutes } from "@weir/http/app";
import { guarded, jsonAnswer, jsonBody, pathId, problemAnswer } from "@weir/http/openapi";
import { effective, timestamp } from "@weir/http/schemas";
import { explainDecision } from "../decision-explanation.ts";
import type { Env } from "../env.ts";
import { previewResidency } from "../residency-preview.ts";
import { INGRESS_IS, setResidency, showResidency } from "../residency.ts";

export const residency = newRoutes<Env>();

const codes = z.array(z.string()).openapi({ example: ["eu", "ch"] });
const policy = z.object({
  ingress: codes,
  inference: codes,
  storage: codes,
  logs: codes,
  unknown: z.enum(["deny", "allow"]),
  zero_retention: z.enum(["require", "allow"]),
  training: z.enum(["deny", "allow"]),
});
const inForce = policy.extend({ version: z.number().int(), ingress_is: z.literal(INGRESS_IS) });
// Read by the domain's own parser, whose faults name the code; here only for the document.
const policyBody = z.record(z.string(), z.unknown()).openapi("ResidencyPolicy", {
  description:
    "Countries (ISO 3166-1 alpha-2), `eu`, `eea` or `*` for each plane. What is left out is open, but an unknown place is denied.",
  example: {
    ingress: ["*"],
    inference: ["eu"],
    storage: ["eu"],
    logs: ["eu"],
    unknown: "deny",
    zero_retention: "require",
    training: "deny",
  },
});

residency.openapi(
  createRoute({
    method: "put",
    path: "/privacy/v1/residency",
    summary: "Set the residency policy",
    description:
      "`200` means: no request that arrives later is decided by the policy before. `202` with `effective_at: null`: it is set and will be in force shortly.",
    ...guarded("privacy:officer"),
    request: jsonBody(policyBody),
    responses: {
      200: jsonAnswer(inForce.extend(effective.shape), "The policy, in force"),
      202: jsonAnswer(inForce.extend(effective.shape), "The policy; not yet in force everywhere"),
      ...problemAnswer,
    },
  }),
  async (c) => {
    const result = await setResidency(c.env, c.executionCtx, c.get("caller").tenant, c.req.valid("json"), Date.now());
    return result.effective_at === null ? c.json(result, 202) : c.json(result, 200);
  },
);

residency.openapi(
  createRoute({
    method: "get",
    path: "/privacy/v1/residency",
    summary: "Show the residency policy",
    ...guarded("privacy:officer"),
    responses: {
      200: jsonAnswer(inForce.extend({ updated_at: timestamp.nullable() }), "The policy; `updated_at: null`: nothing was ever set"),
      ...problemAnswer,
    },
  }),
  async (c) => c.json(await showResidency(c.env.DB, c.get("caller").tenant), 200),
);

const deployments = z.array(z.object({ id: z.string(), eligible: z.boolean(), reasons: z.array(z.string()) }));
const decision = z.enum(["allow", "deny"]);

residency.openapi(
  createRoute({
    method: "post",
    path: "/privacy/v1/residency/preview",
    summary: "What would become of a request that is not made",
    description:
      "Consent is a person's and is not asked here: `purpose.consent_needed` lists the purposes that the person must have consented to.",
    ...guarded("privacy:officer"),
    request: jsonBody(
      z.strictObject({
        country: z
          .string()
          .max(32)
          .optional()
          .openapi({ description: "Where the request connects from; left out: unknown", example: "de" }),
        model: z.string().min(1).max(200),
        purpose: z.string().min(1).max(200).optional().openapi({ description: "Left out: the default, `chat`" }),
      }),
    ),
    responses: {
      200: jsonAnswer(
        z.object({
          decision,
          reasons: z.array(z.string()),
          deployments,
          purpose: z.object({ id: z.string(), basis: z.string(), consent_needed: z.array(z.string()) }).nullable(),
          ingress: z.literal(INGRESS_IS),
        }),
        "The decision, and why",
      ),
      ...problemAnswer,
    },
  }),
  async (c) => c.json(await previewResidency(c.env, c.get("caller").tenant, c.req.valid("json")), 200),
);

residency.openapi(
  createRoute({
    method: "get",
    path: "/privacy/v1/residency/explain/{request_id}",
    summary: "How a past request was decided",
    ...guarded("privacy:officer", "audit:read"),
    request: { params: z.object({ request_id: pathId("request", "The request's id, `req_<cell>_…`") }) },
    responses: {
      200: jsonAnswer(
        z.object({
          request: z.string(),
          decision,
          code: z.string().nullable(),
          model: z.string().nullable(),
          deployment: z.string().nullable(),
          region: z.string().nullable(),
          country: z.string().nullable(),
          purpose: z.string().nullable(),
          basis: z.string().nullable(),
          policy_version: z.number().int(),
          deployments,
        }),
        "The decision, as the audit log has it",
      ),
      ...problemAnswer,
    },
  }),
  async (c) => c.json(await explainDecision(c.env, c.get("caller").tenant, c.req.valid("param").request_id), 200),
);
