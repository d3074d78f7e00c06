import { z } from "zod";
import { defineEvent } from "./define-event.ts";

/** The privacy policy of a tenant changed: a recorded instruction (Art. 28(3)(a) GDPR). */
export const policyChanged = defineEvent({
  type: "policy.changed",
  from: "privacy",
  readBy: ["inference"],
  schema: z.strictObject({ version: z.number().int(), required_purposes: z.array(z.string()), min_provenance: z.string().nullable() }),
  example: { version: 3, required_purposes: [], min_provenance: null },
});
