import { createRoute, z } from "@hono/zod-openapi";
import { provenances } from "@weir/domain/privacy/consent";
import { newRoutes } from "@weir/http/app";
import { guarded, jsonAnswer, problemAnswer } from "@weir/http/openapi";
import { listOf, pageQuery, timestamp } from "@weir/http/schemas";
import type { Env } from "../env.ts";
import { subjectConsents } from "../subject-consents.ts";
import { MAX_REFERENCE_LENGTH } from "../subjects.ts";

export const subjects = newRoutes<Env>();

/** One choice about one purpose, as it was made. */
export const consentItem = z.object({
  id: z.string(),
  purpose: z.string(),
  decision: z.enum(["given", "refused", "withdrawn", "objected", "restricted", "resumed"]),
  notice: z.string().nullable(),
  notice_version: z.number().int().nullable(),
  provenance: z.enum(provenances),
  valid_until: timestamp.nullable(),
  recorded_at: timestamp,
  sequence: z.number().int(),
});

subjects.openapi(
  createRoute({
    method: "get",
    path: "/privacy/v1/subjects/{subject}/consents",
    summary: "Where a person stands, and all that they have chosen",
    ...guarded("privacy:officer", "audit:read"),
    request: {
      params: z.object({
        subject: z
          .string()
          .min(1)
          .max(MAX_REFERENCE_LENGTH)
          .openapi({ description: "Your own reference to the person, or the pseudonym `sub_<cell>_…`", "x-weir-resource": "subject" }),
      }),
      query: pageQuery.extend({
        cursor: z
          .string()
          .regex(/^\d{1,15}$/, "must be the `next_cursor` of the page before")
          .optional(),
      }),
    },
    responses: {
      200: jsonAnswer(
        listOf(consentItem).extend({
          subject: z.string(),
          state: z.record(z.string(), z.enum(["never_asked", "given", "renewed", "refused", "withdrawn", "expired", "superseded"])),
        }),
        "State by purpose, and the history, oldest first",
      ),
      ...problemAnswer,
    },
  }),
  async (c) =>
    c.json(await subjectConsents(c.env, c.get("caller").tenant, c.req.valid("param").subject, c.req.valid("query"), Date.now()), 200),
);
