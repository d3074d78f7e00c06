import { expect, test } from "vitest";
import { isAllowed } from "./licences.ts";

test.each(["MIT", "Apache-2.0", "BlueOak-1.0.0", "(MIT OR GPL-3.0-only)", "MIT AND ISC"])("%s may be used", (licence) => {
  expect(isAllowed(licence)).toBe(true);
});

test.each(["GPL-3.0-only", "AGPL-3.0", "MIT AND GPL-3.0-only", "SEE LICENSE IN LICENSE.md", "UNLICENSED", ""])("%s may not", (licence) => {
  expect(isAllowed(licence)).toBe(false);
});
