import { z } from "zod";

/** What every choice of a person carries: the record, the pseudonym, the purpose, the notice that was shown. */
export const consentChoice = z.strictObject({
  record: z.string(),
  subject: z.string(),
  purpose: z.string(),
  notice: z.string().nullable(),
  provenance: z.string(),
  sequence: z.number().int(),
});

export const consentChoiceExample: z.infer<typeof consentChoice> = {
  record: "con_eu_01hzzzzzzzzzzzzzzzzzzzzzzz",
  subject: "sub_eu_01hzzzzzzzzzzzzzzzzzzzzzzz",
  purpose: "training",
  notice: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  provenance: "app_asserted",
  sequence: 9,
};
