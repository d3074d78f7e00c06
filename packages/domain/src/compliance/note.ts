import { fromBase64, toBase64 } from "../encoding/base64.ts";
import { concatBytes } from "../encoding/bytes.ts";
import { fromHex, toHex } from "../encoding/hex.ts";
import { fromUtf8, toUtf8 } from "../encoding/utf8.ts";
import { cosignatureMessage, decodeCosignature, encodeCosignature } from "./cosignature.ts";
import { importPublicKey, keyPairFromSeed, signEd25519, verifyEd25519, type Ed25519KeyPair } from "./ed25519.ts";
import {
  formatVerifierKey,
  isKeyName,
  KEY_ID_BYTES,
  keyIdOf,
  parseSignerKey,
  parseVerifierKey,
  requireKeyName,
  SIGNATURE_TYPES,
} from "./note-key.ts";

// C2SP signed-note asks for at least 16 signatures of up to 5 kB. A larger note is refused before it is read.
export const MAX_NOTE_BYTES = 262_144;
const MAX_SIGNATURES = 64;

/** One signature line: `— <name> <base64(key id ‖ signature)>`. */
export interface NoteSignature {
  name: string;
  /** 8 lower-case hex digits. */
  keyId: string;
  /** Without the key id. 64 bytes for Ed25519, 72 for a cosignature. */
  signature: Uint8Array;
}

/** A note taken apart. Nothing in it is verified. */
export interface Note {
  /** Ends in a newline. */
  text: string;
  signatures: NoteSignature[];
}

/** A key that the reader trusts. */
export interface NoteVerifier {
  name: string;
  keyId: string;
  /** See `SIGNATURE_TYPES`. */
  type: number;
  /** `text` is the note's text as UTF-8. False, never an error, for a bad signature. */
  verify(text: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

export interface NoteSigner {
  name: string;
  keyId: string;
  /** To be published: what others verify with. */
  vkey: string;
  sign(text: Uint8Array): Promise<Uint8Array>;
}

export type OpenedNote =
  | {
      ok: true;
      text: string;
      /** Signatures by known keys, one for each key. */
      verified: NoteSignature[];
    }
  | { ok: false; reason: "malformed_note" | "bad_signature" | "no_known_signature" };

/** The verifier of a vkey, of a log (type 0x01) or a witness (type 0x04); undefined for any other text or type. */
export async function noteVerifier(vkey: string): Promise<NoteVerifier | undefined> {
  const key = await parseVerifierKey(vkey);
  const publicKey = key && (await importPublicKey(key.publicKey));
  if (key === undefined || publicKey === undefined) return undefined;
  const { name, keyId, type } = key;
  switch (type) {
    case SIGNATURE_TYPES.ed25519:
      return { name, keyId, type, verify: (text, signature) => verifyEd25519(publicKey, text, signature) };
    case SIGNATURE_TYPES.ed25519Cosignature:
      return { name, keyId, type, verify: (text, signature) => verifyCosignature(publicKey, text, signature) };
    default:
      return undefined;
  }
}

async function verifyCosignature(publicKey: CryptoKey, text: Uint8Array, bytes: Uint8Array): Promise<boolean> {
  const cosignature = decodeCosignature(bytes);
  if (cosignature === undefined) return false;
  return verifyEd25519(publicKey, cosignatureMessage(cosignature.timeSeconds, text), cosignature.signature);
}

/** A signer by Ed25519 (type 0x01), from a seed of 32 bytes or a key pair whose private half may stay in its store. */
export async function noteSigner(name: string, key: Uint8Array | Ed25519KeyPair): Promise<NoteSigner> {
  requireKeyName(name);
  const { privateKey, publicKey } = key instanceof Uint8Array ? await keyPairFromSeed(key) : key;
  return {
    name,
    keyId: await keyIdOf(name, SIGNATURE_TYPES.ed25519, publicKey),
    vkey: await formatVerifierKey(name, SIGNATURE_TYPES.ed25519, publicKey),
    sign: (text) => signEd25519(privateKey, text),
  };
}

/** The signer of a `PRIVATE+KEY+…` text; undefined when it is none. */
export async function noteSignerFromKey(text: string): Promise<NoteSigner | undefined> {
  const key = await parseSignerKey(text);
  return key && noteSigner(key.name, key.seed);
}

/** A witness's signer (type 0x04): each signature states that the checkpoint was seen by `timeSeconds` since the epoch. */
export async function cosigner(name: string, key: Uint8Array | Ed25519KeyPair, timeSeconds: number): Promise<NoteSigner> {
  requireKeyName(name);
  const { privateKey, publicKey } = key instanceof Uint8Array ? await keyPairFromSeed(key) : key;
  return {
    name,
    keyId: await keyIdOf(name, SIGNATURE_TYPES.ed25519Cosignature, publicKey),
    vkey: await formatVerifierKey(name, SIGNATURE_TYPES.ed25519Cosignature, publicKey),
    sign: async (text) => {
      const signature = await signEd25519(privateKey, cosignatureMessage(timeSeconds, text));
      return encodeCosignature({ timeSeconds, signature });
    },
  };
}

/** Signs a text, which ends in a newline and has no other control character: a RangeError otherwise. */
export async function signNote(text: string, signers: readonly NoteSigner[]): Promise<string> {
  if (!isNoteText(text)) throw new RangeError("a note's text is well-formed, ends in a newline and has no other control character");
  return formatNote({ text, signatures: await Promise.all(signers.map((signer) => signatureBy(signer, text))) });
}

/** One signature of a text, as a line to be added to a note. */
export async function signatureBy(signer: NoteSigner, text: string): Promise<NoteSignature> {
  return { name: signer.name, keyId: signer.keyId, signature: await signer.sign(toUtf8(text)) };
}

/** Text, blank line, signature lines: how a note is stored and sent. */
export function formatNote({ text, signatures }: Note): string {
  return `${text}\n${formatSignatures(signatures)}`;
}

/** `— <name> <base64>` lines, each ending in a newline: also what a witness answers. */
export function formatSignatures(signatures: readonly NoteSignature[]): string {
  return signatures
    .map(({ name, keyId, signature }) => `— ${name} ${toBase64(concatBytes(fromHex(keyId) ?? new Uint8Array(), signature))}\n`)
    .join("");
}

/** Takes a note apart without verifying it; undefined when it breaks a rule of the format or a limit above. */
export function parseNote(note: string | Uint8Array): Note | undefined {
  if (note.length > MAX_NOTE_BYTES) return undefined;
  const whole = typeof note === "string" ? note : fromUtf8(note);
  if (whole === undefined || !isNoteText(whole)) return undefined;
  // The last blank line separates: the text may have blank lines of its own.
  const separator = whole.lastIndexOf("\n\n");
  if (separator < 0) return undefined;
  const signatures = parseSignatures(whole.slice(separator + 2));
  return signatures && { text: whole.slice(0, separator + 1), signatures };
}

/** Reads one to 64 signature lines; undefined when one of them is malformed. */
export function parseSignatures(lines: string): NoteSignature[] | undefined {
  if (!lines.endsWith("\n")) return undefined;
  const signatures: NoteSignature[] = [];
  for (const line of lines.slice(0, -1).split("\n")) {
    const signature = parseSignature(line);
    if (signature === undefined || signatures.length === MAX_SIGNATURES) return undefined;
    signatures.push(signature);
  }
  return signatures;
}

function parseSignature(line: string): NoteSignature | undefined {
  const [dash, name = "", encoded = "", ...rest] = line.split(" ");
  const bytes = fromBase64(encoded);
  if (dash !== "—" || rest.length > 0 || !isKeyName(name) || bytes === undefined || bytes.length <= KEY_ID_BYTES) return undefined;
  return { name, keyId: toHex(bytes.subarray(0, KEY_ID_BYTES)), signature: bytes.slice(KEY_ID_BYTES) };
}

/**
 * Verifies a note against known keys. Signatures of others are ignored: that lets keys rotate and witnesses join.
 * One bad signature of a known key refuses the whole note, even beside a good one of the same key.
 */
export async function openNote(note: string | Uint8Array, verifiers: readonly NoteVerifier[]): Promise<OpenedNote> {
  const parsed = parseNote(note);
  if (parsed === undefined) return { ok: false, reason: "malformed_note" };
  const text = toUtf8(parsed.text);
  const verified = new Map<string, NoteSignature>();
  for (const signature of parsed.signatures) {
    const known = verifiers.filter(({ name, keyId }) => name === signature.name && keyId === signature.keyId);
    for (const verifier of known) {
      if (!(await verifier.verify(text, signature.signature))) return { ok: false, reason: "bad_signature" };
      // A name has no plus sign, so this key is unambiguous.
      verified.set(`${signature.name}+${signature.keyId}`, signature);
    }
  }
  if (verified.size === 0) return { ok: false, reason: "no_known_signature" };
  return { ok: true, text: parsed.text, verified: [...verified.values()] };
}

function isNoteText(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- these are the characters that a note may not hold
  return text.endsWith("\n") && text.isWellFormed() && !/[\u0000-\u0009\u000b-\u001f]/.test(text);
}
