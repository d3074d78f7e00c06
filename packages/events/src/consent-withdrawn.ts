import { consentChoice, consentChoiceExample } from "./consent-choice.ts";
import { defineEvent } from "./define-event.ts";

/** A person took their consent back (Art. 7(3) GDPR). */
export const consentWithdrawn = defineEvent({
  type: "consent.withdrawn",
  from: "privacy",
  readBy: ["inference"],
  schema: consentChoice,
  example: consentChoiceExample,
});
