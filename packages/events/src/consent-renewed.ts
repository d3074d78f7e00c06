import { consentChoice, consentChoiceExample } from "./consent-choice.ts";
import { defineEvent } from "./define-event.ts";

/** A person consented again while their consent was valid. */
export const consentRenewed = defineEvent({
  type: "consent.renewed",
  from: "privacy",
  readBy: ["inference"],
  schema: consentChoice,
  example: consentChoiceExample,
});
