import { expect, test } from "vitest";
import { canonicalLanguage } from "./notices.ts";

test.each([
  ["EN", "en"],
  ["pt-br", "pt-BR"],
  ["zh-hant-tw", "zh-Hant-TW"],
])("the language %s is kept as %s", (tag, canonical) => expect(canonicalLanguage(tag)).toBe(canonical));

test.each(["english", "e", "en_GB", "", "de-", "12"])("%j is no language", (tag) => {
  expect(() => canonicalLanguage(tag)).toThrow("BCP 47");
});
