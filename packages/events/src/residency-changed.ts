import { z } from "zod";
import { defineEvent } from "./define-event.ts";

/** The residency policy of a tenant changed: a recorded instruction (Art. 28(3)(a) GDPR). */
export const residencyChanged = defineEvent({
  type: "residency.changed",
  from: "privacy",
  readBy: ["inference"],
  schema: z.strictObject({ version: z.number().int(), policy: z.record(z.string(), z.unknown()) }),
  example: { version: 3, policy: { inference: ["eu"] } },
});
