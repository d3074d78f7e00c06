import { describe, expect, test } from "vitest";
import { parseAuditLeaf } from "@weir/domain/compliance/audit-leaf";
import { verifyOpening } from "@weir/domain/compliance/commitment";
import { packPayload } from "@weir/domain/compliance/event-proof";
import { newEvent, type AnyEvent } from "@weir/events/catalogue";
import { inferenceCompleted } from "@weir/events/inference-completed";
import { inferenceDenied } from "@weir/events/inference-denied";
import { entriesOf, makeLeaf } from "./leaves.ts";

const key = new Uint8Array(32).fill(5);
const now = Date.UTC(2026, 10, 22, 3, 30);
const completed = (id: string, policy_version = 3): AnyEvent =>
  newEvent("inference.completed", { id, tenant: "t_1", now, data: { ...inferenceCompleted.example, policy_version } });
const denied = (id: string): AnyEvent => newEvent("inference.denied", { id, tenant: "t_1", now, data: inferenceDenied.example });
const revoked = (id: string): AnyEvent => newEvent("key.revoked", { id, tenant: "t_1", now, data: { key: id } });

describe("a message", () => {
  test("of usage and refusals is one leaf, of anything else one leaf per event", () => {
    const events = [completed("a"), denied("b"), revoked("c"), revoked("d")];
    expect(entriesOf("m", "object", events).map(({ kind }) => kind)).toEqual(["pack", "event", "event"]);
    expect(entriesOf("m", "outbox", events).map(({ kind }) => kind)).toEqual(["event", "event", "event", "event"]);
    expect(entriesOf("m", "object", [])).toEqual([]);
  });
});

describe("a leaf", () => {
  test("commits to its event under the tenant's key and a salt of its own", async () => {
    const event = revoked("c");
    const [first, second] = await Promise.all([makeLeaf(key, { kind: "event", event }), makeLeaf(key, { kind: "event", event })]);
    const leaf = parseAuditLeaf(first.bytes);
    const salt = first.events[0]?.salt ?? new Uint8Array();
    expect(leaf).toMatchObject({ leafId: first.leafId, type: "key.revoked", policy: "", timeMs: Date.UTC(2026, 10, 22, 3) });
    expect(await verifyOpening(leaf?.commitment ?? new Uint8Array(), { key, eventId: "c", salt, payload: event })).toBe(true);
    expect(second.bytes).not.toEqual(first.bytes);
  });

  test("of a pack commits to count and root, and names each policy that was in force", async () => {
    const made = await makeLeaf(key, { kind: "pack", id: "m", events: [completed("a", 10), completed("b", 9), completed("c", 10)] });
    const leaf = parseAuditLeaf(made.bytes);
    expect(leaf).toMatchObject({ type: "inference.packed", policy: "9,10" });
    const { salt, root } = made.pack ?? { salt: new Uint8Array(), root: "" };
    const payload = packPayload({ id: "m", size: 3, root });
    expect(await verifyOpening(leaf?.commitment ?? new Uint8Array(), { key, eventId: "m", salt, payload })).toBe(true);
  });
});
