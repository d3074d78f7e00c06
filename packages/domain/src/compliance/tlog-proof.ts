import { fromBase64, toBase64 } from "../encoding/base64.ts";
import { parseDecimal } from "../encoding/decimal.ts";
import { openCheckpoint, type Checkpoint, type CheckpointRefusal, type CheckpointTrust } from "./checkpoint.ts";
import { HASH_BYTES, leafHash } from "./hash.ts";
import { requireHash, requireSize, verifyInclusion } from "./merkle.ts";
import { MAX_NOTE_BYTES, noteVerifier, type NoteSignature } from "./note.ts";

const HEADER = "c2sp.org/tlog-proof@v1";
/** A tree of 2^53 leaves is 53 nodes high; 63 is what C2SP allows a proof. */
const MAX_PATH_HASHES = 63;
const MAX_PROOF_BYTES = MAX_NOTE_BYTES + 65_536;

/** Proof that a leaf is in a log, for one who has the leaf and is offline (C2SP tlog-proof v1). Stored as `.tlog-proof`. */
export interface TlogProof {
  /** Position of the leaf, from 0. */
  index: number;
  /** Sibling hashes from the leaf up, 32 bytes each. */
  path: readonly Uint8Array[];
  /** Signed checkpoint, as the log published it. */
  checkpoint: string;
  /** Carried along, covered by no signature: never believe it. */
  extra?: Uint8Array;
}

export type ProofVerdict =
  | { ok: true; index: number; checkpoint: Checkpoint; cosignatures: NoteSignature[] }
  | { ok: false; reason: "malformed_proof" | "unusable_key" | "not_included" | CheckpointRefusal };

/** A RangeError for an index or a hash that cannot be one. */
export function formatTlogProof({ index, path, checkpoint, extra }: TlogProof): string {
  requireSize(index);
  for (const hash of path) requireHash(hash);
  const extraLines = extra !== undefined && extra.length > 0 ? [`extra ${toBase64(extra)}`] : [];
  return [HEADER, ...extraLines, `index ${index}`, ...path.map(toBase64), "", checkpoint].join("\n");
}

/** Takes a proof apart without verifying it; undefined when a line is not what the format has there. */
export function parseTlogProof(text: string): TlogProof | undefined {
  if (text.length > MAX_PROOF_BYTES) return undefined;
  // The first blank line ends the proof's own lines; the checkpoint behind it has another one.
  const separator = text.indexOf("\n\n");
  if (separator < 0) return undefined;
  const [header, ...lines] = text.slice(0, separator).split("\n");
  const extraText = lines[0]?.startsWith("extra ") === true ? lines.shift()?.slice("extra ".length) : undefined;
  const indexLine = lines.shift();
  if (header !== HEADER || indexLine?.startsWith("index ") !== true) return undefined;

  const index = parseDecimal(indexLine.slice("index ".length));
  const path = parsePath(lines);
  const checkpoint = text.slice(separator + 2);
  if (index === undefined || path === undefined || checkpoint === "") return undefined;
  if (extraText === undefined) return { index, path, checkpoint };
  const extra = fromBase64(extraText);
  return extra === undefined || extra.length === 0 ? undefined : { index, path, checkpoint, extra };
}

function parsePath(lines: readonly string[]): Uint8Array[] | undefined {
  if (lines.length > MAX_PATH_HASHES) return undefined;
  const path: Uint8Array[] = [];
  for (const line of lines) {
    const hash = fromBase64(line);
    if (hash?.length !== HASH_BYTES) return undefined;
    path.push(hash);
  }
  return path;
}

/**
 * Verifies offline that the log holds this leaf: the log's signature, the witnesses', and the path to the root.
 * `trust` is a vkey whose name is the log's origin, as Weir's logs have it, or says more: other names, witnesses, a quorum.
 */
export async function verifyTlogProof(leaf: Uint8Array, proofText: string, trust: string | CheckpointTrust): Promise<ProofVerdict> {
  const proof = parseTlogProof(proofText);
  if (proof === undefined) return { ok: false, reason: "malformed_proof" };
  const trusted = typeof trust === "string" ? await trustInKey(trust) : trust;
  if (trusted === undefined) return { ok: false, reason: "unusable_key" };
  const opened = await openCheckpoint(proof.checkpoint, trusted);
  if (!opened.ok) return opened;

  const { checkpoint, cosignatures } = opened;
  const { index, path } = proof;
  const { size, root } = checkpoint;
  const included = await verifyInclusion({ index, size, leafHash: await leafHash(leaf), path, root });
  return included ? { ok: true, index, checkpoint, cosignatures } : { ok: false, reason: "not_included" };
}

/** Trust in one key of a log whose origin is the key's name, without witnesses; undefined for text that is no vkey. */
export async function trustInKey(vkey: string): Promise<CheckpointTrust | undefined> {
  const verifier = await noteVerifier(vkey);
  return verifier && { origin: verifier.name, log: [verifier] };
}
