import { createRoute, z } from "@hono/zod-openapi";
import { newRoutes } from "@weir/http/app";
import { guarded, jsonAnswer, problemAnswer } from "@weir/http/openapi";
import { objectInCell } from "@weir/http/jurisdiction";
import { decimalText, listOf, timestamp } from "@weir/http/schemas";
import type { Env } from "../env.ts";

export const holds = newRoutes<Env>();

const hold = z.object({
  request: z.string(),
  model: z.string(),
  deployment: z.string(),
  region: z.string(),
  held: decimalText,
  admitted_at: timestamp,
  state: z.enum(["open", "unconfirmed"]),
});

holds.openapi(
  createRoute({
    method: "get",
    path: "/inference/v1/holds",
    summary: "Requests that were admitted and not settled",
    description:
      "`open`: running, or its process has died and nobody knows yet. `unconfirmed`: not reported within fifteen minutes; its credit is free again, and what was delivered and not billed is among these.",
    ...guarded("billing:read"),
    request: {
      query: z.strictObject({ limit: z.coerce.number().int().min(1).max(1_000).default(200), cursor: z.coerce.number().int().optional() }),
    },
    responses: { 200: jsonAnswer(listOf(hold), "The holds, oldest first"), ...problemAnswer },
  }),
  async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const tenant = c.get("caller").tenant;
    const listed = await objectInCell(c.env.GATE, c.env, tenant).holds(cursor ?? 0, limit);
    const items = listed.map(({ position: _position, ...hold }) => hold);
    return c.json({ items, next_cursor: listed.length === limit ? String(listed.at(-1)?.position) : null }, 200);
  },
);
