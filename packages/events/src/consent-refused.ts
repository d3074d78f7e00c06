import { consentChoice, consentChoiceExample } from "./consent-choice.ts";
import { defineEvent } from "./define-event.ts";

/** A person was asked and said no. */
export const consentRefused = defineEvent({
  type: "consent.refused",
  from: "privacy",
  readBy: ["inference"],
  schema: consentChoice,
  example: consentChoiceExample,
});
