import { z } from "zod";
import { defineEvent } from "./define-event.ts";

/** The text that people are shown when they are asked; a material change supersedes consent given before. */
export const noticePublished = defineEvent({
  type: "notice.published",
  from: "privacy",
  readBy: ["inference"],
  schema: z.strictObject({
    hash: z.string(),
    language: z.string(),
    version: z.number().int(),
    change: z.enum(["material", "editorial"]),
    purposes: z.array(z.string()),
  }),
  example: {
    hash: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    language: "en",
    version: 1,
    change: "material",
    purposes: ["chat"],
  },
});
