import { createRoute, z } from "@hono/zod-openapi";
import { WeirError } from "@weir/domain/errors";
import { newRoutes } from "@weir/http/app";
import { guarded, jsonAnswer, jsonBody, pathId, problemAnswer } from "@weir/http/openapi";
import { effective, timestamp } from "@weir/http/schemas";
import type { Env } from "../env.ts";
import { describeNotice, findNotice, publishNotice } from "../notices.ts";

export const notices = newRoutes<Env>();

const facts = z.object({
  hash: z.string().openapi({ description: "SHA-256 of the text's UTF-8 bytes, hex" }),
  version: z.number().int(),
  language: z.string(),
  purposes: z.array(z.string()),
  change: z.enum(["material", "editorial"]),
  published_at: timestamp,
});
const answer = facts.extend(effective.shape);

notices.openapi(
  createRoute({
    method: "post",
    path: "/privacy/v1/notices",
    summary: "Publish a notice",
    description:
      "A material notice ends every consent to an earlier one of its purposes; a translation or a corrected spelling is editorial. The first notice of a purpose is material. The same text again answers what is there.",
    ...guarded("privacy:officer"),
    request: jsonBody(
      z.strictObject({
        language: z.string().max(35).openapi({ example: "en" }),
        text: z.string().min(1),
        purposes: z.array(z.string().min(1).max(64)).min(1).max(20),
        change: z.enum(["material", "editorial"]),
      }),
    ),
    responses: {
      200: jsonAnswer(answer, "The same text, published before"),
      201: jsonAnswer(answer, "The notice"),
      202: jsonAnswer(answer, "The notice; not yet in force everywhere"),
      ...problemAnswer,
    },
  }),
  async (c) => {
    const { isNew, answer } = await publishNotice(c.env, c.executionCtx, c.get("caller").tenant, c.req.valid("json"), Date.now());
    if (answer.effective_at === null) return c.json(answer, 202);
    return isNew ? c.json(answer, 201) : c.json(answer, 200);
  },
);

notices.openapi(
  createRoute({
    method: "get",
    path: "/privacy/v1/notices/{hash}",
    summary: "The exact text of a notice",
    description:
      "As text, byte for byte: the body's SHA-256 is the hash in the path. With `Accept: application/json`, the text with its facts.",
    ...guarded("privacy:officer", "privacy:app", "audit:read"),
    request: { params: z.object({ hash: pathId("notice", "SHA-256 of the text, hex") }) },
    responses: {
      200: {
        description: "The text",
        content: { "text/plain": { schema: z.string() }, "application/json": { schema: facts.extend({ text: z.string() }) } },
      },
      ...problemAnswer,
    },
  }),
  async (c) => {
    const notice = await findNotice(c.env.DB, c.get("caller").tenant, c.req.valid("param").hash);
    if (!notice) throw new WeirError("not_found", "Nothing with this id is found.");
    if (c.req.header("accept")?.includes("application/json")) return c.json({ ...describeNotice(notice), text: notice.text }, 200);
    return c.text(notice.text, 200, {
      "content-language": notice.language,
      "x-content-type-options": "nosniff",
      // The hash is the text's name: what is found there never changes.
      etag: `"${notice.hash}"`,
      "cache-control": "private, immutable, max-age=31536000",
    });
  },
);
