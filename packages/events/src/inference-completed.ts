import { z } from "zod";
import { defineEvent } from "./define-event.ts";
import { tokenCounts } from "./token-counts.ts";
import { consideredDeployments } from "./considered-deployments.ts";

/** A request was answered, and this is what it used. One per request, whatever retries it took. */
export const inferenceCompleted = defineEvent({
  type: "inference.completed",
  from: "inference",
  readBy: ["metering"],
  schema: z.strictObject({
    request: z.string(),
    key: z.string(),
    model: z.string(),
    deployment: z.string(),
    region: z.string(),
    purpose: z.string(),
    basis: z.string(),
    subject: z.string().nullable(),
    country: z.string().nullable(),
    policy_version: z.number().int(),
    price_version: z.string(),
    usage: tokenCounts,
    /** Counted by us because the provider did not say. */
    estimated: z.boolean(),
    /** The provider reported more than the request could use; counted up to the bound that was reserved. */
    clamped: z.boolean(),
    finish: z.enum(["stop", "length", "tool_calls", "content_filter", "cancelled", "error"]),
    considered: consideredDeployments,
  }),
  example: {
    request: "req_eu_01hzzzzzzzzzzzzzzzzzzzzzzz",
    key: "key_eu_01hzzzzzzzzzzzzzzzzzzzzzzz",
    model: "weir-chat",
    deployment: "dep_eu_01hzzzzzzzzzzzzzzzzzzzzzzz",
    region: "de",
    purpose: "chat",
    basis: "contract",
    subject: null,
    country: "de",
    policy_version: 3,
    price_version: "price_eu_01hzzzzzzzzzzzzzzzzzzzzzzz",
    usage: { input: 42, cached_input: 0, cache_write: 0, output: 21, reasoning: 0, audio: 0, image: 0 },
    estimated: false,
    clamped: false,
    finish: "stop",
    considered: [{ id: "dep_eu_01hzzzzzzzzzzzzzzzzzzzzzzz", eligible: true, reasons: [] }],
  },
});
