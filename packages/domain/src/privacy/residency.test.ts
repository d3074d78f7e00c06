import { expect, test } from "vitest";
import { eligible, ingressReason, narrow, openResidencyPolicy, parseResidencyNarrowing, parseResidencyPolicy } from "./residency.ts";

const euOnly = { ...openResidencyPolicy, ingress: ["eu"], inference: ["eu"], storage: ["eu"], logs: ["eu"] };
const german = { region: "de", stores_in: ["de"], logs_in: ["ie"], retention_days: 0, trains_on_content: false };

test("a policy is read with its codes in lower case, uk as gb, and each code once", () => {
  expect(parseResidencyPolicy({ inference: ["EU", "UK", "eu"], unknown: "allow" })).toEqual({
    ok: true,
    policy: { ...openResidencyPolicy, inference: ["eu", "gb"], unknown: "allow" },
  });
});

test.each([
  ["inference", ["eu", "europe"], /"europe" is neither a country/],
  ["storage", "eu", /must be a list/],
  ["logs", [42], /"number"/],
  ["ingress", ["xx"], /"xx"/],
  ["unknown", "maybe", /"deny" or "allow"/],
  ["zero_retention", true, /"require" or "allow"/],
  ["training", "no", /"deny" or "allow"/],
  ["regions", ["eu"], /no such field/],
])("a policy that cannot be read is refused with the field named: %s", (param, value, message) => {
  expect(parseResidencyPolicy({ [param]: value })).toMatchObject({ ok: false, param, message: expect.stringMatching(message) });
});

test.each([null, "eu", ["eu"], 7])("what is no object is no policy: %j", (input) => {
  expect(parseResidencyPolicy(input).ok).toBe(false);
});

test("a lower level may leave everything out", () => {
  expect(parseResidencyNarrowing({})).toEqual({ ok: true, policy: {} });
  expect(narrow(euOnly, {})).toEqual({ ok: true, policy: euOnly });
});

test("a country narrows its group, and the EU narrows the EEA", () => {
  expect(narrow(euOnly, { inference: ["de"] })).toMatchObject({ ok: true, policy: { inference: ["de"], storage: ["eu"] } });
  expect(narrow({ ...euOnly, inference: ["eea"] }, { inference: ["eu"] }).ok).toBe(true);
});

test("a child that widens is refused with plane and codes named", () => {
  expect(narrow(euOnly, { inference: ["de", "us", "eea"] })).toEqual({
    ok: false,
    param: "inference",
    codes: ["us", "eea"],
    message: 'inference: "us", "eea" is outside "eu", and a lower level can only narrow',
  });
  expect(narrow(euOnly, { logs: ["*"] })).toMatchObject({ ok: false, param: "logs", codes: ["*"] });
});

test("a child cannot loosen what its parent denies or requires", () => {
  const strict = { ...euOnly, unknown: "deny", zero_retention: "require", training: "deny" } as const;
  expect(narrow(strict, { unknown: "allow" })).toMatchObject({ ok: false, param: "unknown" });
  expect(narrow(strict, { zero_retention: "allow" })).toMatchObject({ ok: false, param: "zero_retention" });
  expect(narrow(strict, { training: "allow" })).toMatchObject({ ok: false, param: "training" });
});

test("a deployment whose places lie within the policy is eligible, without reasons", () => {
  expect(eligible(german, euOnly)).toEqual({ eligible: true, reasons: [] });
});

test("reasons name plane, value and policy, all of them", () => {
  const strict = { ...euOnly, zero_retention: "require", training: "deny" } as const;
  const american = { region: "us", stores_in: ["de", "us"], logs_in: ["ch"], retention_days: 30, trains_on_content: true };
  expect(eligible(american, strict)).toEqual({
    eligible: false,
    reasons: [
      `inference: "us" is outside the policy's "eu"`,
      `storage: "us" is outside the policy's "eu"`,
      `logs: "ch" is outside the policy's "eu"`,
      "storage: content is kept for 30 days, and the policy says zero_retention: require",
      "inference: content is used for training, and the policy says training: deny",
    ],
  });
});

test("Norway is in the EEA and not in the EU", () => {
  const norwegian = { ...german, region: "no" };
  expect(eligible(norwegian, euOnly).eligible).toBe(false);
  expect(eligible(norwegian, { ...euOnly, inference: ["eea"] }).eligible).toBe(true);
});

test("a zone is eligible only where all its countries are", () => {
  const zone = { ...german, region: "eu" };
  expect(eligible(zone, euOnly).eligible).toBe(true);
  expect(eligible(zone, { ...euOnly, inference: ["de", "fr"] }).eligible).toBe(false);
  expect(eligible({ ...german, region: "*" }, euOnly).eligible).toBe(false);
});

test("a missing fact counts as worst on every plane", () => {
  const strict = { ...euOnly, zero_retention: "require", training: "deny" } as const;
  expect(eligible({}, strict).reasons).toHaveLength(5);
  expect(eligible({ ...german, logs_in: undefined }, euOnly).reasons).toEqual([
    "logs: the place is unknown, and the policy says unknown: deny",
  ]);
  expect(eligible({ ...german, region: "mars" }, euOnly).reasons).toEqual([
    'inference: the place is unknown ("mars"), and the policy says unknown: deny',
  ]);
  expect(eligible({ ...german, region: undefined }, openResidencyPolicy).eligible).toBe(false);
});

test("unknown: allow admits unknown places, and never an unknown retention or training", () => {
  const lenient = { ...euOnly, unknown: "allow", zero_retention: "require", training: "deny" } as const;
  expect(eligible({ retention_days: 0, trains_on_content: false }, lenient).eligible).toBe(true);
  expect(eligible({ retention_days: 0, trains_on_content: "unknown" }, lenient).eligible).toBe(false);
  expect(eligible({ trains_on_content: false }, lenient).eligible).toBe(false);
});

test("a deployment that stores nothing may serve where nothing may be stored", () => {
  expect(eligible({ ...german, stores_in: [] }, { ...euOnly, storage: [] }).eligible).toBe(true);
  expect(eligible(german, { ...euOnly, storage: [] }).reasons).toEqual([`storage: "de" is outside the policy's nowhere`]);
});

test("a request comes in from where the policy says", () => {
  expect(ingressReason("DE", euOnly)).toBeUndefined();
  expect(ingressReason("us", euOnly)).toBe(`ingress: "us" is outside the policy's "eu"`);
});

test.each([undefined, "T1", "XX", "eu", ""])("a request from nowhere known is decided by the policy: %j", (country) => {
  expect(ingressReason(country, openResidencyPolicy)).toBe("ingress: the place is unknown, and the policy says unknown: deny");
  expect(ingressReason(country, { ...euOnly, unknown: "allow" })).toBeUndefined();
});
