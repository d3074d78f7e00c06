import * as fc from "fast-check";
import { expect, test } from "vitest";
import { openResidencyPolicy } from "../privacy/residency.ts";
import {
  type AdmissionDeployment,
  type AdmissionRequest,
  type AdmissionSnapshot,
  decide,
  type KeyFacts,
  orderByWeight,
} from "./admission.ts";

const now = 1000;
const hash = "ab".repeat(32);

function aDeployment(facts: Partial<AdmissionDeployment> = {}): AdmissionDeployment {
  return { id: "d_de", weight: 1, price: "price_1", region: "de", stores_in: ["de"], logs_in: ["de"], retention_days: 0, ...facts };
}

function aSnapshot(facts: Partial<AdmissionSnapshot> = {}, key: Partial<KeyFacts> = {}): AdmissionSnapshot {
  return {
    version: 7,
    keys: { k1: { hash, scopes: ["inference:call"], ...key } },
    residency: openResidencyPolicy,
    models: { chat: { deployments: [aDeployment()] } },
    purposes: { chat: { basis: "contract" }, training: { basis: "consent" } },
    requiredPurposes: [],
    ...facts,
  };
}

function aRequest(facts: Partial<AdmissionRequest> = {}): AdmissionRequest {
  return { key: { id: "k1", hash }, model: "chat", country: "DE", ...facts };
}

const codeOf = (decision: ReturnType<typeof decide>) => (decision.allowed ? "allowed" : decision.code);
const euOnly = { ...openResidencyPolicy, inference: ["eu"], storage: ["eu"], logs: ["eu"] };

test("a request that satisfies everything is allowed, with what the decision rests on", () => {
  expect(decide(aSnapshot(), { subject: "sub_1" }, aRequest(), now)).toEqual({
    allowed: true,
    deployments: ["d_de"],
    purpose: "chat",
    basis: "contract",
    policyVersion: 7,
    subject: "sub_1",
  });
});

test("a decision about nobody names nobody", () => {
  expect(decide(aSnapshot(), undefined, aRequest(), now)).not.toHaveProperty("subject");
});

test.each<[string, Partial<AdmissionRequest>, Partial<KeyFacts>]>([
  ["absent", { key: undefined }, {}],
  ["unknown", { key: { id: "k2", hash } }, {}],
  ["called constructor", { key: { id: "constructor", hash } }, {}],
  ["of another secret", { key: { id: "k1", hash: "cd".repeat(32) } }, {}],
  ["without a hash", { key: { id: "k1", hash: "" } }, { hash: "" }],
  ["revoked", {}, { revokedAtMs: 1 }],
  ["revoked by a faster clock", {}, { revokedAtMs: now + 5 }],
  ["expired this millisecond", {}, { expiresAtMs: now }],
])("a key that is %s is invalid", (_, request, key) => {
  expect(codeOf(decide(aSnapshot({}, key), undefined, aRequest(request), now))).toBe("invalid_api_key");
});

test("without the secret one does not learn that a key was revoked", () => {
  const wrong = aRequest({ key: { id: "k1", hash: "cd".repeat(32) } });
  const unknown = decide(aSnapshot(), undefined, aRequest({ key: { id: "k2", hash } }), now);
  expect(decide(aSnapshot({}, { revokedAtMs: 1 }), undefined, wrong, now)).toEqual(unknown);
});

test("a key is valid until the moment it expires", () => {
  expect(codeOf(decide(aSnapshot({}, { expiresAtMs: now + 1 }), undefined, aRequest(), now))).toBe("allowed");
});

test("inference needs its scope or all of them", () => {
  expect(codeOf(decide(aSnapshot({}, { scopes: ["usage:read"] }), undefined, aRequest(), now))).toBe("insufficient_scope");
  expect(codeOf(decide(aSnapshot({}, { scopes: ["*"] }), undefined, aRequest(), now))).toBe("allowed");
});

test("an unknown model is refused with the nearest names", () => {
  expect(decide(aSnapshot(), undefined, aRequest({ model: "chta" }), now)).toMatchObject({
    code: "model_not_found",
    param: "model",
    message: 'No model "chta"; did you mean "chat"?',
  });
  for (const model of ["constructor", "__proto__", "toString", ""]) {
    expect(codeOf(decide(aSnapshot(), undefined, aRequest({ model }), now))).toBe("model_not_found");
  }
});

test("a model without a deployment is refused before residency is asked", () => {
  const snapshot = aSnapshot({ models: { chat: { deployments: [] } } });
  expect(decide(snapshot, undefined, aRequest(), now)).toMatchObject({
    code: "model_not_found",
    message: expect.stringContaining("no deployment"),
  });
});

test("only deployments within the policy remain, and none outside is a fallback", () => {
  const american = aDeployment({ id: "d_us", region: "us", weight: 100 });
  const both = aSnapshot({ residency: euOnly, models: { chat: { deployments: [american, aDeployment()] } } });
  expect(decide(both, undefined, aRequest(), now)).toMatchObject({ allowed: true, deployments: ["d_de"] });
  const onlyAmerican = aSnapshot({ residency: euOnly, models: { chat: { deployments: [american] } } });
  expect(decide(onlyAmerican, undefined, aRequest(), now)).toMatchObject({
    allowed: false,
    code: "residency_unavailable",
    deployments: [{ id: "d_us", eligible: false, reasons: [`inference: "us" is outside the policy's "eu"`] }],
  });
});

test("a request from outside the ingress plane has no deployment, and the reason says so", () => {
  const snapshot = aSnapshot({ residency: { ...openResidencyPolicy, ingress: ["eu"] } });
  expect(decide(snapshot, undefined, aRequest({ country: "US" }), now)).toMatchObject({
    code: "residency_unavailable",
    deployments: [{ id: "d_de", eligible: false, reasons: [`ingress: "us" is outside the policy's "eu"`] }],
  });
});

test.each([undefined, "T1", "XX"])("a request from nowhere known is decided by the policy, never let through: %j", (country) => {
  expect(codeOf(decide(aSnapshot(), undefined, aRequest({ country }), now))).toBe("residency_unavailable");
  const lenient = aSnapshot({ residency: { ...openResidencyPolicy, unknown: "allow" } });
  expect(codeOf(decide(lenient, undefined, aRequest({ country }), now))).toBe("allowed");
});

test("key and request narrow the policy, and cannot widen it", () => {
  expect(codeOf(decide(aSnapshot({}, { residency: { inference: ["us"] } }), undefined, aRequest(), now))).toBe("residency_unavailable");
  expect(codeOf(decide(aSnapshot(), undefined, aRequest({ residency: { storage: ["us"] } }), now))).toBe("residency_unavailable");
  const american = aDeployment({ id: "d_us", region: "us" });
  const snapshot = aSnapshot({ residency: euOnly, models: { chat: { deployments: [american] } } }, { residency: { inference: ["*"] } });
  expect(codeOf(decide(snapshot, undefined, aRequest({ residency: { inference: ["us"] } }), now))).toBe("residency_unavailable");
});

test("a level that says nothing of unknown places leaves that to its parent", () => {
  const snapshot = aSnapshot(
    { residency: { ...openResidencyPolicy, unknown: "allow" }, models: { chat: { deployments: [aDeployment({ logs_in: undefined })] } } },
    { residency: { inference: ["eu"] } },
  );
  expect(codeOf(decide(snapshot, undefined, aRequest(), now))).toBe("allowed");
});

test("the purpose of the request decides, and consent that has run out since the lease began is expired", () => {
  const consents = { training: { state: "given", validUntilMs: now } } as const;
  const request = aRequest({ purpose: "training" });
  expect(decide(aSnapshot(), { subject: "sub_1", consents }, request, now - 1)).toMatchObject({
    allowed: true,
    purpose: "training",
    basis: "consent",
  });
  expect(decide(aSnapshot(), { subject: "sub_1", consents }, request, now)).toMatchObject({
    allowed: false,
    code: "consent_expired",
    purpose: "training",
    subject: "sub_1",
    policyVersion: 7,
  });
  expect(decide(aSnapshot(), undefined, request, now)).toMatchObject({ code: "consent_required", param: "x-weir-subject" });
  expect(codeOf(decide(aSnapshot(), undefined, aRequest({ purpose: "mining" }), now))).toBe("purpose_unknown");
});

test("checks answer in order: key, scope, model, residency, legal basis", () => {
  const wrong = {
    request: aRequest({ key: { id: "k2", hash }, model: "nope", country: "US", purpose: "training" }),
    snapshot: aSnapshot({ residency: { ...openResidencyPolicy, ingress: ["eu"] } }, { scopes: [] }),
  };
  const codes = [codeOf(decide(wrong.snapshot, undefined, wrong.request, now))];
  const withKey = { ...wrong.request, key: { id: "k1", hash } };
  codes.push(codeOf(decide(wrong.snapshot, undefined, withKey, now)));
  const scoped = aSnapshot({ residency: wrong.snapshot.residency });
  codes.push(codeOf(decide(scoped, undefined, withKey, now)));
  const withModel = { ...withKey, model: "chat" };
  codes.push(codeOf(decide(scoped, undefined, withModel, now)));
  codes.push(codeOf(decide(scoped, undefined, { ...withModel, country: "DE" }, now)));
  codes.push(codeOf(decide(scoped, undefined, { ...withModel, country: "DE", purpose: "chat" }, now)));
  expect(codes).toEqual([
    "invalid_api_key",
    "insufficient_scope",
    "model_not_found",
    "residency_unavailable",
    "consent_required",
    "allowed",
  ]);
});

test("a snapshot survives the journey of a lease", () => {
  const travelled: AdmissionSnapshot = structuredClone(aSnapshot());
  expect(decide(travelled, undefined, aRequest(), now)).toEqual(decide(aSnapshot(), undefined, aRequest(), now));
});

test("without a draw the heaviest deployment comes first, and equal weights keep one order", () => {
  const deployments = [
    { id: "b", weight: 1 },
    { id: "c", weight: 5 },
    { id: "a", weight: 1 },
  ];
  expect(orderByWeight(deployments)).toEqual(["c", "a", "b"]);
});

test("a draw picks the first by its share, and a deployment of weight 0 only when no other is left", () => {
  const deployments = [
    { id: "a", weight: 3 },
    { id: "b", weight: 1 },
    { id: "z", weight: 0 },
  ];
  const firsts = Array.from({ length: 100 }, (_, index) => orderByWeight(deployments, index / 100)[0]);
  expect(firsts.filter((id) => id === "a")).toHaveLength(75);
  expect(firsts.filter((id) => id === "b")).toHaveLength(25);
  expect(orderByWeight([{ id: "z", weight: 0 }], 0.5)).toEqual(["z"]);
});

test("every eligible deployment is named once, whatever the draw", () => {
  const deployments = fc.uniqueArray(fc.record({ id: fc.string(), weight: fc.nat(5) }), { selector: ({ id }) => id });
  fc.assert(
    fc.property(deployments, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (all, draw) => {
      expect(orderByWeight(all, draw).toSorted()).toEqual(all.map(({ id }) => id).toSorted());
    }),
  );
});
