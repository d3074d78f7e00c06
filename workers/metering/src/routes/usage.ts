import { createRoute, z } from "@hono/zod-openapi";
import { WeirError } from "@weir/domain/errors";
import { newRoutes } from "@weir/http/app";
import { objectInCell } from "@weir/http/jurisdiction";
import { guarded, jsonAnswer, pathId, problemAnswer } from "@weir/http/openapi";
import { currencyCode, decimalText, listOf, timestamp } from "@weir/http/schemas";
import type { Env } from "../env.ts";
import { GROUPS, queryUsage, WINDOWS, type Group, type Window } from "../usage.ts";

export const usage = newRoutes<Env>();

/** Rows of one answer, for each group: a week of minutes. */
const MAX_WINDOWS = 10_080;

const isGroup = (name: string): name is Group => GROUPS.some((group) => group === name);
const isWindow = (name: string): name is Window => Object.hasOwn(WINDOWS, name);
const count = z.number().int();

usage.openapi(
  createRoute({
    method: "get",
    path: "/metering/v1/usage",
    summary: "Tokens by bucket, requests, charge and cost",
    description: "Of [from, to), whole minutes. Usage shows up within seconds of the answer.",
    ...guarded("usage:read"),
    request: {
      query: z.strictObject({
        from: timestamp.optional().openapi({ description: "Default: the start of this month" }),
        to: timestamp.optional().openapi({ description: "Default: now" }),
        group_by: z
          .string()
          .max(200)
          .optional()
          .openapi({ description: `Some of ${GROUPS.join(", ")}, separated by commas` }),
        window: z.enum(["minute", "hour", "day"]).optional().openapi({ description: "One row per window, UTC" }),
      }),
    },
    responses: {
      200: jsonAnswer(
        listOf(
          z.object({
            window_start: timestamp.optional(),
            model: z.string().optional(),
            deployment: z.string().optional(),
            region: z.string().optional(),
            purpose: z.string().optional(),
            price_version: z.string().optional(),
            requests: count,
            input: count,
            cached_input: count,
            cache_write: count,
            output: count,
            reasoning: count,
            audio: count,
            image: count,
            charge: decimalText,
            currency: currencyCode,
            cost: decimalText,
            cost_currency: currencyCode,
          }),
        ),
        "The usage",
      ),
      ...problemAnswer,
    },
  }),
  async (c) => {
    const query = c.req.valid("query");
    const now = Date.now();
    const groups = (query.group_by ?? "").split(",").map((name) => name.trim());
    const groupBy = [...new Set(groups.filter((name) => name !== ""))];
    const unknown = groupBy.find((name) => !isGroup(name));
    if (unknown !== undefined) {
      throw new WeirError("invalid_request", `group_by: \`${unknown}\` is none of ${GROUPS.join(", ")}.`, { param: "group_by" });
    }
    const from = query.from === undefined ? Date.parse(`${new Date(now).toISOString().slice(0, 7)}-01T00:00:00Z`) : Date.parse(query.from);
    const to = query.to === undefined ? now : Date.parse(query.to);
    if (from >= to) throw new WeirError("invalid_request", "from: must lie before `to`.", { param: "from" });
    if (query.window !== undefined && (to - from) / WINDOWS[query.window] > MAX_WINDOWS) {
      throw new WeirError("invalid_request", `window: at most ${MAX_WINDOWS} of them at once; ask for a shorter time or a longer window.`, {
        param: "window",
      });
    }
    const window = query.window !== undefined && isWindow(query.window) ? query.window : undefined;
    const items = await queryUsage(c.env.DB, c.get("caller").tenant, { from, to, groupBy: groupBy.filter(isGroup), window });
    return c.json({ items, next_cursor: null }, 200);
  },
);

usage.openapi(
  createRoute({
    method: "get",
    path: "/metering/v1/requests/{id}",
    summary: "What one request used",
    ...guarded("usage:read"),
    request: { params: z.object({ id: pathId("request", "The request's id, `req_<cell>_…`, as in `x-request-id`") }) },
    responses: {
      200: jsonAnswer(
        z.object({
          event: z.record(z.string(), z.unknown()),
          flush: z.number().int().nullable().openapi({ description: "The numbered sum that holds it; null: not summed yet" }),
        }),
        "The usage event",
      ),
      ...problemAnswer,
    },
  }),
  async (c) => {
    const found = await objectInCell(c.env.METER, c.env, c.get("caller").tenant).find(c.req.valid("param").id);
    if (!found) throw new WeirError("not_found", "Nothing with this id is found.");
    return c.json({ event: JSON.parse(found.event), flush: found.flush }, 200);
  },
);
