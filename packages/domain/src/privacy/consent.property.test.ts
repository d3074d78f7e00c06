import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type ConsentEvent, consentStateAfter, effectiveConsent, isPermission } from "./consent.ts";

const optional = (max: number) => fc.option(fc.nat(max), { nil: undefined });
const event: fc.Arbitrary<ConsentEvent> = fc.record({
  kind: fc.constantFrom("given", "refused", "withdrawn", "superseded"),
  recordedAtMs: fc.nat(1000),
  validUntilMs: optional(2000),
  noticeVersion: optional(5),
});
const history = fc.uniqueArray(event, { maxLength: 12, selector: ({ recordedAtMs }) => recordedAtMs });
const moment = fc.nat(3000);

test("a refusal or withdrawal is never turned into permission by anything but a later given", () => {
  const notGiven = event.filter(({ kind }) => kind !== "given");
  const refusal = fc.constantFrom("refused" as const, "withdrawn" as const);
  fc.assert(
    fc.property(history, refusal, fc.array(notGiven), moment, optional(5), (before, kind, after, now, notice) => {
      const later = after.map((event) => Object.assign({}, event, { recordedAtMs: event.recordedAtMs + 1002 }));
      const consent = consentStateAfter([...before, { kind, recordedAtMs: 1001 }, ...later], now);
      expect(isPermission(effectiveConsent(consent, now, notice))).toBe(false);
    }),
  );
});

test("a later given to the current notice permits, whatever came before", () => {
  fc.assert(
    fc.property(history, moment, (before, now) => {
      const consent = consentStateAfter([...before, { kind: "given", recordedAtMs: 1001, noticeVersion: 5 }], now);
      expect(isPermission(consent)).toBe(true);
    }),
  );
});

test("the order in which a history is read does not matter: recorded_at decides", () => {
  const shuffled = history.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })));
  fc.assert(
    fc.property(shuffled, moment, ([ordered, mixed], now) => {
      expect(consentStateAfter(mixed, now)).toEqual(consentStateAfter(ordered, now));
    }),
  );
});

test("time alone only ever ends permission, and needs no event to do so", () => {
  fc.assert(
    fc.property(history, moment, moment, (history, a, b) => {
      const [early, late] = a < b ? [a, b] : [b, a];
      const then = consentStateAfter(history, early);
      const now = consentStateAfter(history, late);
      expect(effectiveConsent(then, late)).toEqual(now);
      expect([isPermission(then), isPermission(now)]).not.toEqual([false, true]);
    }),
  );
});
