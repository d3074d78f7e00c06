import { z } from "zod";
import { defineEvent } from "./define-event.ts";
import { consideredDeployments } from "./considered-deployments.ts";

/** A request was refused before any provider was asked; it costs nothing. */
export const inferenceDenied = defineEvent({
  type: "inference.denied",
  from: "inference",
  readBy: ["metering"],
  schema: z.strictObject({
    request: z.string(),
    key: z.string(),
    code: z.string(),
    param: z.string().nullable(),
    model: z.string().nullable(),
    purpose: z.string().nullable(),
    subject: z.string().nullable(),
    country: z.string().nullable(),
    policy_version: z.number().int(),
    considered: consideredDeployments,
  }),
  example: {
    request: "req_eu_01hzzzzzzzzzzzzzzzzzzzzzzz",
    key: "key_eu_01hzzzzzzzzzzzzzzzzzzzzzzz",
    code: "consent_withdrawn",
    param: null,
    model: "weir-chat",
    purpose: "chat",
    subject: "sub_eu_01hzzzzzzzzzzzzzzzzzzzzzzz",
    country: null,
    policy_version: 3,
    considered: [],
  },
});
