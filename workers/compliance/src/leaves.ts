import { auditLeaf, newLeafId } from "@weir/domain/compliance/audit-leaf";
import { commit, newEventSalt } from "@weir/domain/compliance/commitment";
import { packPayload } from "@weir/domain/compliance/event-proof";
import { leafHash } from "@weir/domain/compliance/hash";
import { treeRoot } from "@weir/domain/compliance/merkle";
import { toHex } from "@weir/domain/encoding/hex";
import type { AnyEvent } from "@weir/events/catalogue";

/** What becomes one leaf: an event of the control plane, or a message's usage and refusals together. */
export type Entry = { kind: "event"; event: AnyEvent } | { kind: "pack"; id: string; events: AnyEvent[] };

/** A leaf with all that opens it. The openings are private; only `bytes` is ever published. */
export interface OpenedLeaf {
  leafId: string;
  bytes: Uint8Array;
  pack: { id: string; salt: Uint8Array; root: string } | undefined;
  events: { source: string; id: string; body: string; salt: Uint8Array; commitment: Uint8Array }[];
}

/** The type of a leaf that stands for many requests. */
const PACK_TYPE = "inference.packed";
const PACKED_TYPES = new Set<AnyEvent["type"]>(["inference.completed", "inference.denied"]);
const MAX_POLICY_LENGTH = 128;

/** One entry for all usage and refusals of a message that was born in an object, so that the log does not grow with every token; one for each other event. */
export function entriesOf(messageId: string, born: "outbox" | "object", events: readonly AnyEvent[]): Entry[] {
  const { packed = [], single = [] } = Object.groupBy(events, ({ type }) =>
    born === "object" && PACKED_TYPES.has(type) ? "packed" : "single",
  );
  const entries = single.map((event): Entry => ({ kind: "event", event }));
  return packed.length > 0 ? [{ kind: "pack", id: messageId, events: packed }, ...entries] : entries;
}

export function eventsOf(entry: Entry): AnyEvent[] {
  return entry.kind === "pack" ? entry.events : [entry.event];
}

/**
 * Commits to an entry under the tenant's key. In a pack each event has a commitment of its own, under its own salt, and the pack's
 * tree is over those: a proof for one event shows nothing of its neighbours that could be guessed at, even once they are erased.
 */
export async function makeLeaf(key: Uint8Array, entry: Entry): Promise<OpenedLeaf> {
  const leafId = newLeafId();
  const events = await Promise.all(eventsOf(entry).map((event) => openedEvent(key, event)));
  const facts = { leafId, policy: policyOf(eventsOf(entry)), timeMs: latest(eventsOf(entry)) };
  if (entry.kind === "event") {
    const [commitment = new Uint8Array()] = events.map((event) => event.commitment);
    return { leafId, bytes: auditLeaf({ ...facts, type: entry.event.type, commitment }), pack: undefined, events };
  }
  const pack = { id: entry.id, salt: newEventSalt(), root: toHex(await rootOfPack(events)) };
  const payload = packPayload({ id: pack.id, size: events.length, root: pack.root });
  const commitment = await commit({ key, eventId: pack.id, salt: pack.salt, payload });
  return { leafId, bytes: auditLeaf({ ...facts, type: PACK_TYPE, commitment }), pack, events };
}

async function openedEvent(key: Uint8Array, event: AnyEvent): Promise<OpenedLeaf["events"][number]> {
  const salt = newEventSalt();
  const commitment = await commit({ key, eventId: event.id, salt, payload: event });
  return { source: event.source, id: event.id, body: JSON.stringify(event), salt, commitment };
}

async function rootOfPack(events: OpenedLeaf["events"]): Promise<Uint8Array> {
  return treeRoot(await Promise.all(events.map(({ commitment }) => leafHash(commitment))));
}

/** The versions of the policy that were in force, as `3` or `3,4`; empty where none applies. */
function policyOf(events: readonly AnyEvent[]): string {
  const versions = new Set(events.flatMap(({ data }) => ("policy_version" in data ? [data.policy_version] : [])));
  const text = [...versions].sort((a, b) => a - b).join(",");
  return text.length > MAX_POLICY_LENGTH ? "" : text;
}

function latest(events: readonly AnyEvent[]): number {
  return Math.max(...events.map(({ time }) => Date.parse(time)));
}
