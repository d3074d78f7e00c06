import { createRoute, z } from "@hono/zod-openapi";
import { newRoutes } from "@weir/http/app";
import { jsonAnswer, problemAnswer } from "@weir/http/openapi";
import type { Env } from "../env.ts";
import { receiptKeySet } from "../receipts.ts";

export const receiptKeys = newRoutes<Env>();

const jwk = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string(),
  kid: z.string(),
  use: z.literal("sig"),
  alg: z.literal("EdDSA"),
});

receiptKeys.openapi(
  createRoute({
    method: "get",
    path: "/privacy/v1/receipt-keys",
    summary: "The keys that consent receipts are signed with",
    description: "A JSON Web Key Set (RFC 7517), for whoever holds a receipt: no key of Weir is needed.",
    security: [],
    responses: { 200: jsonAnswer(z.object({ keys: z.array(jwk) }), "The public keys of this cell"), ...problemAnswer },
  }),
  async (c) => c.json(await receiptKeySet(c.env), 200, { "cache-control": "public, max-age=3600" }),
);
