import { concatBytes } from "../encoding/bytes.ts";
import { toUtf8 } from "../encoding/utf8.ts";
import { ED25519_SIGNATURE_BYTES } from "./ed25519.ts";
import { requireSize } from "./merkle.ts";

const TIME_BYTES = 8;

/** A cosignature taken apart: a witness says that it saw this checkpoint, and none that contradicts it, by `timeSeconds`. */
export interface Cosignature {
  /** Seconds since the epoch. */
  timeSeconds: number;
  /** Ed25519 signature of `cosignatureMessage`, 64 bytes. */
  signature: Uint8Array;
}

/** What a witness signs for a checkpoint's text (C2SP tlog-cosignature, cosignature/v1, type 0x04). */
export function cosignatureMessage(timeSeconds: number, text: Uint8Array): Uint8Array {
  return concatBytes(toUtf8(`cosignature/v1\ntime ${timeSeconds}\n`), text);
}

/** u64be seconds ‖ signature: what follows the key id on the note's line. */
export function encodeCosignature({ timeSeconds, signature }: Cosignature): Uint8Array {
  requireSize(timeSeconds);
  const time = new Uint8Array(TIME_BYTES);
  new DataView(time.buffer).setBigUint64(0, BigInt(timeSeconds));
  return concatBytes(time, signature);
}

/** Undefined when it has another length, or a time beyond 2^53 - 1. */
export function decodeCosignature(bytes: Uint8Array): Cosignature | undefined {
  if (bytes.length !== TIME_BYTES + ED25519_SIGNATURE_BYTES) return undefined;
  const timeSeconds = Number(new DataView(bytes.buffer, bytes.byteOffset, TIME_BYTES).getBigUint64(0));
  return Number.isSafeInteger(timeSeconds) ? { timeSeconds, signature: bytes.slice(TIME_BYTES) } : undefined;
}
