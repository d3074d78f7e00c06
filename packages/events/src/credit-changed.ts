import { z } from "zod";
import { defineEvent } from "./define-event.ts";

/** Credit was granted to a tenant. */
export const creditChanged = defineEvent({
  type: "credit.changed",
  from: "billing",
  readBy: ["inference"],
  schema: z.strictObject({ transaction: z.string(), kind: z.string(), amount: z.string(), currency: z.string() }),
  example: { transaction: "grant_eu_01hzzzzzzzzzzzzzzzzzzzzzzz", kind: "prepaid", amount: "5", currency: "USD" },
});
