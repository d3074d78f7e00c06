import { z } from "zod";
import { defineEvent } from "./define-event.ts";

/** A key is no longer valid. */
export const keyRevoked = defineEvent({
  type: "key.revoked",
  from: "billing",
  readBy: ["inference"],
  schema: z.strictObject({ key: z.string() }),
  example: { key: "key_eu_01hzzzzzzzzzzzzzzzzzzzzzzz" },
});
