import { z } from "zod";
import { defineEvent } from "./define-event.ts";
import { tokenCounts } from "./token-counts.ts";

/** The sums of up to five seconds of a tenant's usage at one price. */
export const usageMetered = defineEvent({
  type: "usage.metered",
  from: "metering",
  readBy: ["billing", "inference"],
  schema: z.strictObject({
    /** Number of the Meter's flush: rises by one, so that a gap is visible. */
    flush: z.number().int(),
    price_version: z.string(),
    month: z.string().regex(/^\d{4}-\d{2}$/),
    requests: z.number().int(),
    usage: tokenCounts,
    /** RFC 6962 root over the usage events that were summed, hex: one request can be proved under it. */
    root: z.string().length(64),
  }),
  example: {
    flush: 17,
    price_version: "price_eu_01hzzzzzzzzzzzzzzzzzzzzzzz",
    month: "2026-11",
    requests: 2,
    usage: { input: 84, cached_input: 0, cache_write: 0, output: 42, reasoning: 0, audio: 0, image: 0 },
    root: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  },
});
