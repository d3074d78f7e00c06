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
    summary: "Requests that hold credit",
    description:
      "Those that are running, and those whose outcome was never reported because a process died: what was delivered and not billed is among the latter.",
    ...guarded("billing:read"),
    request: { query: z.object({ limit: z.coerce.number().int().min(1).max(1_000).default(200), cursor: timestamp.optional() }) },
    responses: { 200: jsonAnswer(listOf(hold), "The holds, oldest first"), ...problemAnswer },
  }),
  async (c) => {
    const { limit, cursor } = c.req.valid("query");
    const tenant = c.get("caller").tenant;
    const items = await objectInCell(c.env.GATE, c.env, tenant).holds(cursor === undefined ? 0 : Date.parse(cursor) + 1, limit);
    return c.json({ items, next_cursor: items.length === limit ? (items.at(-1)?.admitted_at ?? null) : null }, 200);
  },
);
