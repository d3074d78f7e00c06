import { z } from "zod";
import { defineEvent } from "./define-event.ts";

/** A key was made. Never the key itself. */
export const keyCreated = defineEvent({
  type: "key.created",
  from: "billing",
  readBy: ["inference"],
  schema: z.strictObject({ key: z.string(), scopes: z.array(z.string()), expires_at: z.string().nullable() }),
  example: { key: "key_eu_01hzzzzzzzzzzzzzzzzzzzzzzz", scopes: ["inference:call"], expires_at: null },
});
