import { expect, test } from "vitest";
import { countries, countryGroups, membersOf, readCode, readCountry } from "./countries.ts";

test("all 249 countries of ISO 3166-1 are known, and Kosovo", () => {
  expect(countries.size).toBe(250);
  const names = new Intl.DisplayNames(["en"], { type: "region", fallback: "none" });
  expect([...countries].filter((code) => names.of(code.toUpperCase()) === undefined)).toEqual([]);
});

test("the EU has 27 members, the EEA those and three more, and neither the United Kingdom nor Switzerland", () => {
  const eu = membersOf("eu");
  const eea = membersOf("eea");
  expect(eu.size).toBe(27);
  expect([...eea].filter((code) => !eu.has(code)).toSorted()).toEqual(["is", "li", "no"]);
  expect([...eu].every((code) => eea.has(code))).toBe(true);
  expect(["gb", "ch", "us"].filter((code) => eea.has(code))).toEqual([]);
});

test("every member of every group is a country", () => {
  for (const members of countryGroups.values()) expect([...members].filter((code) => !countries.has(code))).toEqual([]);
});

test("no code is both a country and a group", () => {
  expect([...countryGroups.keys()].filter((code) => countries.has(code))).toEqual([]);
});

test("codes are read in any case, and uk as gb", () => {
  expect(["DE", " no ", "uk", "UK", "EU", "*"].map(readCode)).toEqual(["de", "no", "gb", "gb", "eu", "*"]);
});

test.each(["t1", "T1", "xx", "XX", "", "zz", "europe", "eu-west-1", "constructor"])("what is no country is unknown: %j", (text) => {
  expect(readCode(text)).toBeUndefined();
  expect(readCountry(text)).toBeUndefined();
});

test("a connection is in a country, never in a group, and an absent country is unknown", () => {
  expect([readCountry("DE"), readCountry("eu"), readCountry("*"), readCountry(undefined)]).toEqual(["de", undefined, undefined, undefined]);
});
