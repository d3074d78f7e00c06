import { fromBase64, toBase64 } from "../encoding/base64.ts";
import { equalBytes } from "../encoding/bytes.ts";
import { parseDecimal } from "../encoding/decimal.ts";
import { emptyRoot, HASH_BYTES } from "./hash.ts";
import { requireHash, requireSize } from "./merkle.ts";
import { openNote, signNote, type NoteSignature, type NoteSigner, type NoteVerifier } from "./note.ts";

/** A tree head: what a log signs (C2SP tlog-checkpoint). */
export interface Checkpoint {
  /** The log's identity, such as `audit.example.com/t1`: one non-empty line. */
  origin: string;
  /** Leaves in the tree. */
  size: number;
  /** Root of the tree at this size, 32 bytes. */
  root: Uint8Array;
  /** Further lines, not empty. Others cannot audit them, so Weir writes none, but reads those of other logs. */
  extensions?: readonly string[];
}

/** Whom a reader believes, set apart from anything that the log sends. */
export interface CheckpointTrust {
  origin: string;
  /** The log's keys: one of them must have signed. */
  log: readonly NoteVerifier[];
  /** Keys of witnesses. They count only beside the log's own signature. */
  witnesses?: readonly NoteVerifier[];
  /** How many witnesses, counted by name, must have signed. 0 when absent. */
  quorum?: number;
}

export type CheckpointRefusal =
  | "malformed_note"
  | "bad_signature"
  | "log_signature_missing"
  | "malformed_checkpoint"
  | "wrong_origin"
  | "quorum_missing";

export type OpenedCheckpoint =
  | {
      ok: true;
      checkpoint: Checkpoint;
      /** Verified signatures of witnesses; `decodeCosignature` reads the time of each. */
      cosignatures: NoteSignature[];
    }
  | { ok: false; reason: CheckpointRefusal };

/** The three lines, and extension lines if any. A RangeError for a value that has no place in them. */
export function formatCheckpoint({ origin, size, root, extensions = [] }: Checkpoint): string {
  requireSize(size);
  requireHash(root);
  const lines = [origin, String(size), toBase64(root), ...extensions];
  if (lines.some((line) => line === "" || line.includes("\n"))) throw new RangeError("a line of a checkpoint is empty or holds a newline");
  return `${lines.join("\n")}\n`;
}

/**
 * Reads a checkpoint's text, which is not to be believed before its signature is verified. Undefined for an empty line,
 * a size with leading zeroes or above 2^53 - 1, a root that is not 32 bytes, and for size 0 with any but the empty root.
 */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  if (!text.endsWith("\n")) return undefined;
  const lines = text.slice(0, -1).split("\n");
  const [origin, sizeText = "", rootText = "", ...extensions] = lines;
  const size = parseDecimal(sizeText);
  const root = fromBase64(rootText);
  if (origin === undefined || lines.includes("") || size === undefined || root?.length !== HASH_BYTES) return undefined;
  if (size === 0 && !equalBytes(root, emptyRoot())) return undefined;
  return extensions.length > 0 ? { origin, size, root, extensions } : { origin, size, root };
}

/** Signs a checkpoint. The same key and checkpoint give the same bytes. Never sign two that contradict each other. */
export function signCheckpoint(checkpoint: Checkpoint, signers: readonly NoteSigner[]): Promise<string> {
  return signNote(formatCheckpoint(checkpoint), signers);
}

/** Verifies a signed checkpoint: a signature of the log, its origin, and enough witnesses. */
export async function openCheckpoint(note: string | Uint8Array, trust: CheckpointTrust): Promise<OpenedCheckpoint> {
  const { origin, log, witnesses = [], quorum = 0 } = trust;
  const opened = await openNote(note, [...log, ...witnesses]);
  if (!opened.ok) {
    return { ok: false, reason: opened.reason === "no_known_signature" ? "log_signature_missing" : opened.reason };
  }
  // A witness vouches for what the log signed; without the log's signature it vouches for nothing.
  if (!opened.verified.some((signature) => isBy(signature, log))) return { ok: false, reason: "log_signature_missing" };
  const checkpoint = parseCheckpoint(opened.text);
  if (checkpoint === undefined) return { ok: false, reason: "malformed_checkpoint" };
  if (checkpoint.origin !== origin) return { ok: false, reason: "wrong_origin" };
  const cosignatures = opened.verified.filter((signature) => isBy(signature, witnesses));
  // By name: a witness in the middle of a key rotation signs twice and is still one witness.
  const names = new Set(cosignatures.map(({ name }) => name));
  return names.size < quorum ? { ok: false, reason: "quorum_missing" } : { ok: true, checkpoint, cosignatures };
}

function isBy(signature: NoteSignature, verifiers: readonly NoteVerifier[]): boolean {
  return verifiers.some(({ name, keyId }) => name === signature.name && keyId === signature.keyId);
}
