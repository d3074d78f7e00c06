import * as fc from "fast-check";
import { expect, test } from "vitest";
import { countries } from "./countries.ts";
import {
  type DeploymentFacts,
  eligible,
  ingressReason,
  narrow,
  openResidencyPolicy,
  type ResidencyPlane,
  type ResidencyPolicy,
  residencyPlanes,
} from "./residency.ts";

// Weighted towards agreement: the laws are about what is eligible, and random places rarely are.
const country = fc.constantFrom("de", "de", "de", "fr", "no", "us");
const code = fc.oneof(country, fc.constantFrom("eu", "eea", "*"));
const codes = fc.oneof(fc.constant(["eu"]), fc.constant(["*"]), fc.uniqueArray(code, { maxLength: 4 }));
const policy: fc.Arbitrary<ResidencyPolicy> = fc.record({
  ingress: codes,
  inference: codes,
  storage: codes,
  logs: codes,
  unknown: fc.constantFrom("deny", "allow"),
  zero_retention: fc.constantFrom("require", "allow"),
  training: fc.constantFrom("deny", "allow"),
});
const mostly = <Value>(usual: Value, others: fc.Arbitrary<Value>) =>
  fc.option(fc.oneof({ weight: 3, arbitrary: fc.constant(usual) }, others), { freq: 8, nil: undefined });
const facts: fc.Arbitrary<DeploymentFacts> = fc.record({
  region: mostly("de", fc.oneof(code, fc.constant("mars"))),
  stores_in: mostly(["de"], codes),
  logs_in: mostly(["de"], codes),
  retention_days: mostly(0, fc.nat(2)),
  trains_on_content: mostly<boolean | "unknown">(false, fc.constantFrom(true, "unknown" as const)),
});
const somewhere = fc.option(country, { nil: undefined });
const parentAndChild = policy.chain((parent) => {
  const within = (plane: ResidencyPlane) => fc.oneof(codes, fc.subarray([...parent[plane]]), fc.constant(["de"]));
  const child = fc.record(
    {
      ingress: within("ingress"),
      inference: within("inference"),
      storage: within("storage"),
      logs: within("logs"),
      unknown: fc.constantFrom("deny" as const, parent.unknown),
      zero_retention: fc.constantFrom("require" as const, parent.zero_retention),
      training: fc.constantFrom("deny" as const, parent.training),
    },
    { requiredKeys: [] },
  );
  return fc.tuple(fc.constant(parent), child);
});
const laws = { numRuns: 1000 };
/** The one counterexample of a law that says: if the first, then the second. */
const onlyFirst = [true, false];

test("narrowing never makes an ineligible deployment eligible, nor lets a request in", () => {
  let narrowings = 0;
  let served = 0;
  fc.assert(
    fc.property(parentAndChild, facts, somewhere, ([parent, child], facts, from) => {
      const narrowed = narrow(parent, child);
      fc.pre(narrowed.ok);
      const below = eligible(facts, narrowed.policy).eligible;
      narrowings += 1;
      served += below ? 1 : 0;
      expect([below, eligible(facts, parent).eligible]).not.toEqual(onlyFirst);
      expect([ingressReason(from, narrowed.policy) === undefined, ingressReason(from, parent) === undefined]).not.toEqual(onlyFirst);
    }),
    laws,
  );
  // The law says nothing if nothing is ever narrowed, or nothing ever eligible.
  expect(narrowings).toBeGreaterThan(500);
  expect(served).toBeGreaterThan(20);
});

test("a child that is refused would have admitted something that its parent does not", () => {
  fc.assert(
    fc.property(policy, codes, (parent, codes) => {
      const child = narrow(parent, { inference: codes });
      const admits = (inference: readonly string[]) =>
        [...countries].filter((region) => eligible({ region }, { ...openResidencyPolicy, unknown: "allow", inference }).eligible);
      const inParent = new Set(admits(parent.inference));
      expect(child.ok).toBe(admits(codes).every((region) => inParent.has(region)));
    }),
  );
});

test("a policy narrows itself, and narrowing twice to the same is narrowing once", () => {
  fc.assert(
    fc.property(parentAndChild, ([parent, child]) => {
      expect(narrow(parent, parent)).toEqual({ ok: true, policy: parent });
      const once = narrow(parent, child);
      expect(once.ok ? narrow(once.policy, child) : once).toEqual(once);
    }),
  );
});

test("`*` admits every known place", () => {
  for (const region of countries) {
    expect(eligible({ region, stores_in: [region], logs_in: [region] }, openResidencyPolicy).eligible).toBe(true);
    expect(ingressReason(region, openResidencyPolicy)).toBeUndefined();
  }
});

test("adding a code never removes eligibility", () => {
  fc.assert(
    fc.property(policy, facts, fc.constantFrom(...residencyPlanes), code, (policy, facts, plane, added) => {
      const wider = { ...policy, [plane]: [...policy[plane], added] };
      expect([eligible(facts, policy).eligible, eligible(facts, wider).eligible]).not.toEqual(onlyFirst);
    }),
    laws,
  );
});

test("knowing less about a deployment never makes it eligible where unknown is denied", () => {
  fc.assert(
    fc.property(
      policy,
      facts,
      fc.constantFrom("region", "stores_in", "logs_in", "retention_days", "trains_on_content"),
      (policy, facts, fact) => {
        const strict: ResidencyPolicy = { ...policy, unknown: "deny" };
        expect([eligible({ ...facts, [fact]: undefined }, strict).eligible, eligible(facts, strict).eligible]).not.toEqual(onlyFirst);
      },
    ),
    laws,
  );
});

test("a deployment is eligible exactly when there is no reason against it", () => {
  fc.assert(
    fc.property(policy, facts, (policy, facts) => {
      const { eligible: is, reasons } = eligible(facts, policy);
      expect(is).toBe(reasons.length === 0);
    }),
    laws,
  );
});
