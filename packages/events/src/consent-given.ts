import { consentChoice, consentChoiceExample } from "./consent-choice.ts";
import { defineEvent } from "./define-event.ts";

/** A person consented. */
export const consentGiven = defineEvent({
  type: "consent.given",
  from: "privacy",
  readBy: ["inference"],
  schema: consentChoice,
  example: consentChoiceExample,
});
