import { equalBytes } from "../encoding/bytes.ts";
import { fromHex } from "../encoding/hex.ts";
import { toUtf8 } from "../encoding/utf8.ts";
import { parseAuditLeaf } from "./audit-leaf.ts";
import type { Checkpoint, CheckpointTrust } from "./checkpoint.ts";
import { commitWith, SECRET_BYTES } from "./commitment.ts";
import { leafHash } from "./hash.ts";
import { verifyInclusion } from "./merkle.ts";
import { verifyTlogProof, type ProofVerdict } from "./tlog-proof.ts";

/** What one leaf commits to when it stands for many events. `root` is that of RFC 6962 over the events' commitments, hex. */
export interface PackPayload {
  v: 1;
  pack: string;
  count: number;
  root: string;
}

/** That one event is in a tenant's audit log, for one who is offline. Bytes are in hex, as `openssl` and `xxd` print them. */
export interface EventProof {
  event: Record<string, unknown>;
  /** The leaf's bytes, which are text. */
  leaf: string;
  index: number;
  /** C2SP tlog-proof: it proves the leaf. */
  tlog_proof: string;
  /** `key` is K_e, which opens this event and no other: HMAC-SHA-256(key, JCS(event)) is its commitment. */
  opening: { leaf_id: string; event_id: string; key: string };
  /**
   * Present when the leaf stands for many events. The event's commitment is then a leaf of the pack's tree, at `index` of
   * `size`, and HMAC-SHA-256(key, JCS({ v, pack, count, root })) is the commitment in the log's leaf.
   */
  pack?: { id: string; root: string; size: number; index: number; path: string[]; key: string };
}

export type EventProofVerdict =
  | { ok: true; index: number; checkpoint: Checkpoint }
  | { ok: false; reason: "malformed_leaf" | "other_leaf" | "event_not_opened" | "pack_not_opened" | Refusal };
type Refusal = Extract<ProofVerdict, { ok: false }>["reason"];

export function packPayload(pack: { id: string; size: number; root: string }): PackPayload {
  return { v: 1, pack: pack.id, count: pack.size, root: pack.root };
}

/** Verifies offline, with the log's published key and nothing else. False, never an error, for whatever a stranger may send. */
export async function verifyEventProof(proof: EventProof, trust: string | CheckpointTrust): Promise<EventProofVerdict> {
  const bytes = toUtf8(proof.leaf);
  const verdict = await verifyTlogProof(bytes, proof.tlog_proof, trust);
  if (!verdict.ok) return verdict;
  const leaf = parseAuditLeaf(bytes);
  if (!leaf) return { ok: false, reason: "malformed_leaf" };
  const { opening, event, pack } = proof;
  if (verdict.index !== proof.index || leaf.leafId !== opening.leaf_id) return { ok: false, reason: "other_leaf" };
  const commitment = event["id"] === opening.event_id ? await opened(opening.key, event) : undefined;
  if (!commitment) return { ok: false, reason: "event_not_opened" };
  if (pack) {
    if (!(await holdsEvent(pack, commitment))) return { ok: false, reason: "event_not_opened" };
    const packed = await opened(pack.key, packPayload(pack));
    if (!packed || !equalBytes(packed, leaf.commitment)) return { ok: false, reason: "pack_not_opened" };
  } else if (!equalBytes(commitment, leaf.commitment)) {
    return { ok: false, reason: "event_not_opened" };
  }
  return { ok: true, index: verdict.index, checkpoint: verdict.checkpoint };
}

async function opened(keyHex: string, payload: unknown): Promise<Uint8Array | undefined> {
  const key = fromHex(keyHex);
  if (key?.length !== SECRET_BYTES) return undefined;
  try {
    return await commitWith(key, payload);
  } catch {
    return undefined;
  }
}

async function holdsEvent(pack: NonNullable<EventProof["pack"]>, commitment: Uint8Array): Promise<boolean> {
  const root = fromHex(pack.root);
  const path = pack.path.map(fromHex).filter((hash) => hash !== undefined);
  if (!root || path.length !== pack.path.length) return false;
  return verifyInclusion({ index: pack.index, size: pack.size, leafHash: await leafHash(commitment), path, root });
}
