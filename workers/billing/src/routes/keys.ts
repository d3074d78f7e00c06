import { createRoute, z } from "@hono/zod-openapi";
import { GRANTABLE_SCOPES } from "@weir/domain/scopes";
import { newRoutes } from "@weir/http/app";
import { ownTenant } from "@weir/http/auth";
import { guarded, jsonAnswer, jsonBody, pathId, problemAnswer } from "@weir/http/openapi";
import { effective, listOf, pageQuery, timestamp } from "@weir/http/schemas";
import type { Env } from "../env.ts";
import { createKey, listKeys, revokeKey } from "../keys.ts";

export const keys = newRoutes<Env>();

const tenantPath = z.object({ id: pathId("tenant", "The tenant's id, `t_<cell>_…`") });
const keyFacts = z.object({ id: z.string(), name: z.string(), scopes: z.array(z.string()), expires_at: timestamp.nullable() });

keys.openapi(
  createRoute({
    method: "post",
    path: "/billing/v1/tenants/{id}/keys",
    summary: "Create an API key",
    ...guarded("billing:admin"),
    request: {
      params: tenantPath,
      ...jsonBody(
        z.strictObject({
          name: z.string().trim().min(1).max(200),
          scopes: z.array(z.enum(GRANTABLE_SCOPES)).min(1).max(GRANTABLE_SCOPES.length),
          expires_at: timestamp.optional(),
        }),
      ),
    },
    responses: { 201: jsonAnswer(keyFacts.extend({ key: z.string() }), "The key, shown once"), ...problemAnswer },
  }),
  async (c) => {
    const caller = c.get("caller");
    const { name, scopes, expires_at } = c.req.valid("json");
    const fields = { name, scopes, expiresAt: expires_at === undefined ? undefined : Date.parse(expires_at) };
    return c.json(await createKey(c.env, c.executionCtx, caller, ownTenant(caller, c.req.valid("param").id), fields, Date.now()), 201);
  },
);

keys.openapi(
  createRoute({
    method: "get",
    path: "/billing/v1/tenants/{id}/keys",
    summary: "List the keys of a tenant, without the keys themselves",
    ...guarded("billing:admin"),
    request: { params: tenantPath, query: pageQuery },
    responses: {
      200: jsonAnswer(listOf(keyFacts.extend({ created_at: timestamp, revoked_at: timestamp.nullable() })), "The keys"),
      ...problemAnswer,
    },
  }),
  async (c) => {
    const { cursor, limit } = c.req.valid("query");
    return c.json(await listKeys(c.env.DB, ownTenant(c.get("caller"), c.req.valid("param").id), cursor, limit), 200);
  },
);

keys.openapi(
  createRoute({
    method: "delete",
    path: "/billing/v1/keys/{id}",
    summary: "Revoke a key",
    description:
      "`200` means: no request that arrives later is served with it. `202` with `effective_at: null`: it is revoked and will be shortly.",
    ...guarded("billing:admin"),
    request: { params: z.object({ id: pathId("key", "The key's id, `key_<cell>_…`") }) },
    responses: {
      200: jsonAnswer(effective, "Revoked everywhere"),
      202: jsonAnswer(effective, "Revoked; not yet everywhere"),
      ...problemAnswer,
    },
  }),
  async (c) => {
    const result = await revokeKey(c.env, c.executionCtx, c.get("caller"), c.req.valid("param").id, Date.now());
    return result.effective_at === null ? c.json(result, 202) : c.json(result, 200);
  },
);
