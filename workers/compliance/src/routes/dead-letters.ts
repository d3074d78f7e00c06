import { createRoute, z } from "@hono/zod-openapi";
import { WeirError } from "@weir/domain/errors";
import { replayDeadLetter } from "@weir/events/dead-letter";
import { WORKERS } from "@weir/events/workers";
import { newRoutes } from "@weir/http/app";
import { guarded, jsonAnswer, pathId, problemAnswer } from "@weir/http/openapi";
import { listOf, pageQuery, timestamp } from "@weir/http/schemas";
import { listDeadLetters } from "../dead-letters.ts";
import type { Env } from "../env.ts";

export const deadLetters = newRoutes<Env>();

deadLetters.openapi(
  createRoute({
    method: "get",
    path: "/compliance/v1/dead-letters",
    summary: "Messages that a worker of this cell gave up, newest first",
    ...guarded("operator"),
    request: { query: pageQuery.extend({ worker: z.enum(WORKERS).optional() }) },
    responses: {
      200: jsonAnswer(
        listOf(
          z.object({
            id: z.string(),
            worker: z.string(),
            message_id: z.string().nullable(),
            reason: z.string(),
            message: z.unknown().openapi({ description: "As it was sent; persons appear as pseudonyms" }),
            received_at: timestamp,
            replayed_at: timestamp.nullable(),
            replays: z.number().int(),
          }),
        ),
        "The dead letters",
      ),
      ...problemAnswer,
    },
  }),
  async (c) => {
    const { worker, cursor, limit } = c.req.valid("query");
    return c.json(await listDeadLetters(c.env.DB, { worker, cursor, limit }), 200);
  },
);

deadLetters.openapi(
  createRoute({
    method: "post",
    path: "/compliance/v1/dead-letters/{id}/replay",
    summary: "Send a message to its worker again",
    description: "Repeating it is safe: a worker drops what it has recorded.",
    ...guarded("operator"),
    request: { params: z.object({ id: pathId("dead_letter", "The dead letter's id, `dead_…`") }) },
    responses: { 202: jsonAnswer(z.object({ id: z.string() }), "It is in the worker's queue, or was handled before"), ...problemAnswer },
  }),
  async (c) => {
    const { id } = c.req.valid("param");
    if (!(await replayDeadLetter(c.env, id, Date.now()))) throw new WeirError("not_found", "Nothing with this id is found.");
    return c.json({ id }, 202);
  },
);
