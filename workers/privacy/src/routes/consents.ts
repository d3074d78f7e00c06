import { createRoute, z } from "@hono/zod-openapi";
import { newRoutes } from "@weir/http/app";
import { guarded, jsonAnswer, jsonBody, problemAnswer } from "@weir/http/openapi";
import { effective, timestamp } from "@weir/http/schemas";
import { recordChoice } from "../consents.ts";
import type { Env } from "../env.ts";
import { MAX_REFERENCE_LENGTH } from "../subjects.ts";
import { consentItem } from "./subjects.ts";

export const consents = newRoutes<Env>();

const answer = z
  .object({
    record: z
      .record(z.string(), z.unknown())
      .openapi({ description: "Consent record after ISO/IEC TS 27560 as JSON-LD (W3C DPV), one process for each purpose" }),
    receipt: z.string().openapi({ description: "Compact JWS (Ed25519) over the record's hash; the key is at `/privacy/v1/receipt-keys`" }),
    records: z.array(consentItem),
  })
  .extend(effective.shape);

consents.openapi(
  createRoute({
    method: "post",
    path: "/privacy/v1/consents",
    summary: "Record what a person has chosen",
    description:
      "An application's word for the person, and recorded as such (`app_asserted`); the time of recording is the server's. `201` means: no request that arrives later is served by what held before.",
    ...guarded("privacy:app"),
    request: jsonBody(
      z.strictObject({
        subject: z.string().min(1).max(MAX_REFERENCE_LENGTH).openapi({ description: "Your own reference to the person; kept sealed" }),
        purposes: z.array(z.string().min(1).max(64)).min(1).max(20),
        decision: z.enum(["given", "refused", "withdrawn"]),
        notice: z.string().max(200).optional().openapi({ description: "Hash of the notice that was shown; a withdrawal needs none" }),
        valid_until: timestamp.optional(),
      }),
    ),
    responses: {
      201: jsonAnswer(answer, "The record and its receipt"),
      202: jsonAnswer(answer, "Recorded; not yet in force everywhere"),
      ...problemAnswer,
    },
  }),
  async (c) => {
    const { valid_until, ...choice } = c.req.valid("json");
    const validUntil = valid_until === undefined ? undefined : Date.parse(valid_until);
    const result = await recordChoice(c.env, c.executionCtx, c.get("caller").tenant, { ...choice, validUntil }, "app_asserted", Date.now());
    return result.effective_at === null ? c.json(result, 202) : c.json(result, 201);
  },
);
