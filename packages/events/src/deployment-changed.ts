import { z } from "zod";
import { defineEvent } from "./define-event.ts";

/** A model can be served in one more place, or one fewer. */
export const deploymentChanged = defineEvent({
  type: "deployment.changed",
  from: "inference",
  readBy: [],
  schema: z.strictObject({
    deployment: z.string(),
    model: z.string(),
    change: z.enum(["created", "deleted"]),
    region: z.string(),
    provider: z.string(),
    price_version: z.string(),
  }),
  example: {
    deployment: "dep_eu_01hzzzzzzzzzzzzzzzzzzzzzzz",
    model: "weir-chat",
    change: "created",
    region: "de",
    provider: "embedded",
    price_version: "price_eu_01hzzzzzzzzzzzzzzzzzzzzzzz",
  },
});
