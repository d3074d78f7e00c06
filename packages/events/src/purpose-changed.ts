import { z } from "zod";
import { defineEvent } from "./define-event.ts";

/** The controller recorded on which legal basis a purpose rests (Art. 6 GDPR). */
export const purposeChanged = defineEvent({
  type: "purpose.changed",
  from: "privacy",
  readBy: ["inference"],
  schema: z.strictObject({ purpose: z.string(), basis: z.string(), version: z.number().int() }),
  example: { purpose: "chat", basis: "contract", version: 2 },
});
