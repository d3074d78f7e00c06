import { describe, expect, test } from "vitest";
import { consentStates, consentTo, type ConsentRow } from "./consent-history.ts";

const NOW = 1_000_000;

function aRow(fields: Partial<ConsentRow>): ConsentRow {
  const sequence = fields.sequence ?? 1;
  return {
    id: `con_eu_${sequence}`,
    purpose: "training",
    decision: "given",
    notice: "hash",
    noticeVersion: 1,
    provenance: "app_asserted",
    validUntil: null,
    recordedAt: sequence * 1000,
    sequence,
    ...fields,
  };
}

const first = { purpose: "training", version: 1, publishedAt: 500 };
const second = { purpose: "training", version: 2, publishedAt: 1500 };

describe("where a person stands", () => {
  test("is told apart: never asked, refused", () => {
    const history = [aRow({ purpose: "profiling", decision: "refused" })];
    expect(consentStates(["training", "profiling"], history, [], NOW)).toEqual({ training: "never_asked", profiling: "refused" });
  });

  test("a material notice ends a consent to the one before", () => {
    expect(consentTo("training", [aRow({})], [first, second], NOW).state).toBe("superseded");
  });

  test("a consent after a material notice is given anew, not renewed", () => {
    const history = [aRow({}), aRow({ sequence: 2, noticeVersion: 2 })];
    expect(consentTo("training", history, [first, second], NOW).state).toBe("given");
  });

  test("a consent to an editorial version, later than the material one, holds", () => {
    expect(consentTo("training", [aRow({ noticeVersion: 3, sequence: 2 })], [first, second], NOW).state).toBe("given");
  });

  test("a consent has expired at its end with no job having run", () => {
    expect(consentTo("training", [aRow({ validUntil: NOW })], [first], NOW).state).toBe("expired");
    expect(consentTo("training", [aRow({ validUntil: NOW })], [first], NOW - 1).state).toBe("given");
  });

  test("of two choices in one millisecond, the later recorded holds", () => {
    const history = [aRow({}), aRow({ sequence: 2, recordedAt: 1000, decision: "withdrawn" })];
    expect(consentTo("training", history, [first], NOW).state).toBe("withdrawn");
  });

  test("restrictions and objections are no consent", () => {
    expect(consentStates([], [aRow({ decision: "restricted" }), aRow({ decision: "objected", sequence: 2 })], [], NOW)).toEqual({});
  });
});
