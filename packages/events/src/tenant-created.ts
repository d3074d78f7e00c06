import { z } from "zod";
import { defineEvent } from "./define-event.ts";

/** A tenant exists; the event's subject is its id. */
export const tenantCreated = defineEvent({
  type: "tenant.created",
  from: "billing",
  readBy: ["inference"],
  schema: z.strictObject({ durability: z.enum(["accounted", "write_ahead"]) }),
  example: { durability: "write_ahead" },
});
