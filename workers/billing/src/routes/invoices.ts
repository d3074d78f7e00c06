import { createRoute, z } from "@hono/zod-openapi";
import { newRoutes } from "@weir/http/app";
import { ownTenant } from "@weir/http/auth";
import { guarded, jsonAnswer, pathId, problemAnswer } from "@weir/http/openapi";
import { currencyCode, decimalText, timestamp } from "@weir/http/schemas";
import type { Env } from "../env.ts";
import { previewInvoice } from "../invoices.ts";

export const invoices = newRoutes<Env>();

const line = z.object({
  model: z.string(),
  region: z.string(),
  deployment: z.string(),
  price_version: z.string(),
  bucket: z.string(),
  quantity: z.string(),
  unit_price_per_million: decimalText,
  exact_amount: decimalText,
  amount: decimalText,
  currency: currencyCode,
});

invoices.openapi(
  createRoute({
    method: "get",
    path: "/billing/v1/tenants/{id}/invoices/preview",
    summary: "What the invoice of this month would say if it were made now",
    ...guarded("billing:read"),
    request: { params: z.object({ id: pathId("tenant", "The tenant's id, `t_<cell>_…`") }) },
    responses: {
      200: jsonAnswer(
        z.object({
          tenant: z.string(),
          period: z.object({ from: timestamp, to: timestamp }),
          status: z.literal("preview"),
          lines: z.array(line),
          totals: z.array(z.object({ currency: currencyCode, amount: decimalText, exact_amount: decimalText })),
        }),
        "Lines, each rounded once, and their sum",
      ),
      ...problemAnswer,
    },
  }),
  async (c) => c.json(await previewInvoice(c.env.DB, ownTenant(c.get("caller"), c.req.valid("param").id), Date.now()), 200),
);
