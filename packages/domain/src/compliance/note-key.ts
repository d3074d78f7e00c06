import { fromBase64, toBase64 } from "../encoding/base64.ts";
import { concatBytes } from "../encoding/bytes.ts";
import { toHex } from "../encoding/hex.ts";
import { toUtf8 } from "../encoding/utf8.ts";
import { ED25519_KEY_BYTES, keyPairFromSeed } from "./ed25519.ts";
import { sha256 } from "./hash.ts";

/** The first byte of an encoded key (C2SP signed-note, "Signature types"). 0x06, ML-DSA-44, waits for WebCrypto to have it. */
export const SIGNATURE_TYPES = { ed25519: 0x01, ed25519Cosignature: 0x04 } as const;

export const KEY_ID_BYTES = 4;
const NEWLINE = Uint8Array.of(0x0a);
const PRIVATE_PREFIX = "PRIVATE+KEY+";
const FORMAT = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/;

/** What a verifier key says: `<name>+<key id>+<base64(type ‖ public key)>`. */
export interface VerifierKey {
  name: string;
  /** 8 lower-case hex digits. Short on purpose: with the name it picks a key, it does not vouch for one. */
  keyId: string;
  /** See `SIGNATURE_TYPES`. */
  type: number;
  publicKey: Uint8Array;
}

/** What Go's `note` package calls a signer key: `PRIVATE+KEY+<name>+<key id>+<base64(0x01 ‖ seed)>`. A secret. */
export interface SignerKey {
  name: string;
  keyId: string;
  /** 32 bytes. */
  seed: Uint8Array;
}

/** A key name is not empty and has no white space, no plus sign and no control character. */
export function isKeyName(name: string): boolean {
  // The class holds every control character, which is what it must refuse.
  return name.length > 0 && name.isWellFormed() && !/[\p{White_Space}\p{Cc}+]/u.test(name);
}

/** SHA-256(name ‖ 0x0A ‖ type ‖ public key), first 4 bytes, as hex (C2SP signed-note, "Signatures"). */
export async function keyIdOf(name: string, type: number, publicKey: Uint8Array): Promise<string> {
  const digest = await sha256(concatBytes(toUtf8(name), NEWLINE, Uint8Array.of(type), publicKey));
  return toHex(digest.subarray(0, KEY_ID_BYTES));
}

/** The verifier key (vkey) of a public key, to be published. A RangeError when the name cannot be a key's. */
export async function formatVerifierKey(name: string, type: number, publicKey: Uint8Array): Promise<string> {
  requireKeyName(name);
  return `${name}+${await keyIdOf(name, type, publicKey)}+${toBase64(concatBytes(Uint8Array.of(type), publicKey))}`;
}

/** Undefined for text that is no vkey, or whose key id is not that of its name and key. */
export async function parseVerifierKey(vkey: string): Promise<VerifierKey | undefined> {
  const parts = splitKey(vkey);
  if (parts === undefined) return undefined;
  const { name, keyId, type, material } = parts;
  if ((await keyIdOf(name, type, material)) !== keyId) return undefined;
  return { name, keyId, type, publicKey: material };
}

/** The secret text of an Ed25519 signer, as Go's `note.GenerateKey` writes it. */
export async function formatSignerKey(name: string, seed: Uint8Array): Promise<string> {
  requireKeyName(name);
  const { publicKey } = await keyPairFromSeed(seed);
  const keyId = await keyIdOf(name, SIGNATURE_TYPES.ed25519, publicKey);
  return `${PRIVATE_PREFIX}${name}+${keyId}+${toBase64(concatBytes(Uint8Array.of(SIGNATURE_TYPES.ed25519), seed))}`;
}

/** Undefined for text that is no Ed25519 signer key, or whose key id is not that of its name and key. */
export async function parseSignerKey(text: string): Promise<SignerKey | undefined> {
  if (!text.startsWith(PRIVATE_PREFIX)) return undefined;
  const parts = splitKey(text.slice(PRIVATE_PREFIX.length));
  if (parts === undefined || parts.type !== SIGNATURE_TYPES.ed25519 || parts.material.length !== ED25519_KEY_BYTES) return undefined;
  const { name, keyId, material: seed } = parts;
  const { publicKey } = await keyPairFromSeed(seed);
  return (await keyIdOf(name, SIGNATURE_TYPES.ed25519, publicKey)) === keyId ? { name, keyId, seed } : undefined;
}

export function requireKeyName(name: string): void {
  if (!isKeyName(name)) throw new RangeError(`${JSON.stringify(name)} cannot be the name of a key`);
}

// Base64 has plus signs of its own: only the first two separate.
function splitKey(text: string): { name: string; keyId: string; type: number; material: Uint8Array } | undefined {
  const [, name = "", keyId = "", encoded = ""] = FORMAT.exec(text) ?? [];
  const [type, ...material] = fromBase64(encoded) ?? [];
  if (!isKeyName(name) || type === undefined || material.length === 0) return undefined;
  return { name, keyId, type, material: Uint8Array.from(material) };
}
