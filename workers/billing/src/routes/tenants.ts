import { createRoute, z } from "@hono/zod-openapi";
import { newRoutes } from "@weir/http/app";
import { ownTenant } from "@weir/http/auth";
import { guarded, jsonAnswer, jsonBody, pathId, problemAnswer } from "@weir/http/openapi";
import { currencyCode, decimalText, timestamp } from "@weir/http/schemas";
import type { Env } from "../env.ts";
import { grantCredit } from "../grants.ts";
import { createTenant } from "../tenants.ts";
import { balanceOf } from "../wallet.ts";

export const tenants = newRoutes<Env>();

const tenantPath = z.object({ id: pathId("tenant", "The tenant's id, `t_<cell>_…`") });

tenants.openapi(
  createRoute({
    method: "post",
    path: "/billing/v1/tenants",
    summary: "Create a tenant",
    ...guarded("operator"),
    request: jsonBody(
      z.strictObject({
        name: z.string().trim().min(1).max(200),
        durability: z.enum(["accounted", "write_ahead"]).default("write_ahead"),
      }),
    ),
    responses: {
      201: jsonAnswer(
        z.object({ id: z.string(), name: z.string(), cell: z.string(), owner_key: z.string() }),
        "The tenant, with its owner's key: shown once",
      ),
      ...problemAnswer,
    },
  }),
  async (c) => c.json(await createTenant(c.env, c.executionCtx, c.req.valid("json"), Date.now()), 201),
);

const grant = z.strictObject({ amount: decimalText, currency: currencyCode, kind: z.enum(["prepaid", "promotional"]) });

tenants.openapi(
  createRoute({
    method: "post",
    path: "/billing/v1/tenants/{id}/grants",
    summary: "Grant credit",
    ...guarded("operator"),
    request: {
      params: tenantPath,
      headers: z.object({ "idempotency-key": z.string().optional().openapi({ description: "Required: the same on every retry" }) }),
      ...jsonBody(grant),
    },
    responses: {
      201: jsonAnswer(grant.extend({ id: z.string(), tenant: z.string(), created_at: timestamp }), "The grant"),
      ...problemAnswer,
    },
  }),
  async (c) => {
    const tenant = ownTenant(c.get("caller"), c.req.valid("param").id);
    const answer = await grantCredit(c.env, c.executionCtx, tenant, c.req.header("idempotency-key"), c.req.valid("json"), Date.now());
    return c.json(answer, 201);
  },
);

tenants.openapi(
  createRoute({
    method: "get",
    path: "/billing/v1/tenants/{id}/balance",
    summary: "What is available, held and spent",
    ...guarded("billing:read"),
    request: { params: tenantPath },
    responses: {
      200: jsonAnswer(
        z.object({ available: decimalText, held: decimalText, spent: decimalText, currency: currencyCode.nullable() }),
        "The balance",
      ),
      ...problemAnswer,
    },
  }),
  async (c) => c.json(await balanceOf(c.env.DB, ownTenant(c.get("caller"), c.req.valid("param").id)), 200),
);
