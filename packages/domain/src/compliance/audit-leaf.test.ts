import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromUtf8, toUtf8 } from "../encoding/utf8.ts";
import { auditLeaf, newLeafId, parseAuditLeaf, type AuditLeaf } from "./audit-leaf.ts";

function aLeaf(changes: Partial<AuditLeaf> = {}): AuditLeaf {
  const timeMs = Date.UTC(2026, 10, 22, 2, 43, 21, 987);
  return {
    leafId: "0123456789abcdefghjkmnpqrs",
    type: "consent.granted",
    timeMs,
    policy: "p7",
    commitment: new Uint8Array(32).fill(0xab),
    ...changes,
  };
}

describe("the leaf of an audit log", () => {
  test("is canonical JSON with the UTC hour", () => {
    expect(fromUtf8(auditLeaf(aLeaf()))).toBe(
      `{"c":"${"ab".repeat(32)}","leaf_id":"0123456789abcdefghjkmnpqrs","policy":"p7","t":"2026-11-22T02:00:00Z","type":"consent.granted","v":1}`,
    );
  });

  test("does not tell two moments of one hour apart", () => {
    const start = Date.UTC(2026, 10, 22, 2);
    fc.assert(
      fc.property(fc.nat(3_599_999), (ms) => {
        expect(auditLeaf(aLeaf({ timeMs: start + ms }))).toEqual(auditLeaf(aLeaf({ timeMs: start })));
      }),
    );
    expect(auditLeaf(aLeaf({ timeMs: start + 3_600_000 }))).not.toEqual(auditLeaf(aLeaf({ timeMs: start })));
  });

  test("comes back, with the start of its hour", () => {
    const leaf = aLeaf({ leafId: newLeafId(), policy: 'say "no" \\ yes' });
    expect(parseAuditLeaf(auditLeaf(leaf))).toEqual({ ...leaf, timeMs: Date.UTC(2026, 10, 22, 2) });
  });

  test("stays far below the size of an entry", () => {
    const largest = aLeaf({ type: `a${"b".repeat(127)}`, policy: "\\".repeat(128), timeMs: 253_402_300_799_999 });
    expect(auditLeaf(largest).length).toBeLessThanOrEqual(600);
  });

  test.each([
    ["an event's id", { leafId: "evt_eu_0123456789abcdefghjkmnpqrs" }],
    ["a short id", { leafId: "0123" }],
    ["a type with capitals", { type: "Consent.Granted" }],
    ["an empty type", { type: "" }],
    ["a type with an empty part", { type: "consent." }],
    ["a policy with a newline", { policy: "a\nb" }],
    ["a policy of 129 characters", { policy: "p".repeat(129) }],
    ["no time", { timeMs: Number.NaN }],
    ["a time before 1970", { timeMs: -1 }],
    ["a time after 9999", { timeMs: 253_402_300_800_000 }],
    ["a commitment of 31 bytes", { commitment: new Uint8Array(31) }],
  ])("is not made with %s", (_, change) => {
    expect(() => auditLeaf(aLeaf(change))).toThrow(RangeError);
  });

  const text = fromUtf8(auditLeaf(aLeaf())) ?? "";
  test.each([
    ["another version", text.replace('"v":1', '"v":2')],
    ["one more member", text.replace('"v":1', '"v":1,"x":1')],
    ["one member fewer", text.replace('"policy":"p7",', "")],
    ["a member that is no text", text.replace('"p7"', "7")],
    ["minutes", text.replace("02:00:00", "02:43:00")],
    ["no such day", text.replace("11-22", "11-32")],
    ["another offset", text.replace("00Z", "00+00:00")],
    ["capitals in its hash", text.replace("abab", "ABAB")],
    ["white space", `${text}\n`],
    ["another order", text.replace('"v":1', "").replace("{", '{"v":1,').replace(",}", "}")],
    ["a repeated member", text.replace('"v":1', '"v":1,"v":1')],
    ["a list", "[]"],
    ["null", "null"],
    ["nothing", ""],
  ])("is refused with %s", (_, bytes) => {
    expect(parseAuditLeaf(toUtf8(bytes))).toBeUndefined();
  });

  test("any bytes at all are read or refused, never an error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(parseAuditLeaf(bytes)).toBeUndefined();
      }),
    );
  });
});

test("leaf ids do not repeat", () => {
  expect(new Set(Array.from({ length: 1000 }, newLeafId)).size).toBe(1000);
});
