import { toHex } from "../encoding/hex.ts";

/**
 * Sealing of what rests in a store that can be wound back, and keyed look-ups of what must not rest in clear.
 * Every key is derived from the cell's key (32 random bytes) by HKDF-SHA-256 (RFC 5869), one per use and tenant.
 */
const encoder = new TextEncoder();
const NONCE_BYTES = 12;

/** Uses never share a key: what opens a credential does not open a person's reference. */
export type KeyUse = "credential" | "reference" | "reference-index" | "log-signing-key" | "log-commitment-key" | "receipt-key";

/** AES-256-GCM (NIST SP 800-38D) of UTF-8 text; the result is `s1.` and base64 of nonce and ciphertext. */
export async function seal(cellKey: string, use: KeyUse, owner: string, text: string): Promise<string> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const key = await aesKey(cellKey, use, owner);
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, encoder.encode(text)));
  const bytes = new Uint8Array(NONCE_BYTES + sealed.length);
  bytes.set(nonce);
  bytes.set(sealed, NONCE_BYTES);
  return `s1.${btoa(String.fromCharCode(...bytes))}`;
}

/** Opens what `seal` made for the same use and owner; throws when it was made for another, or altered. */
export async function unseal(cellKey: string, use: KeyUse, owner: string, sealed: string): Promise<string> {
  if (!sealed.startsWith("s1.")) throw new Error("Not a sealed value");
  const bytes = Uint8Array.from(atob(sealed.slice(3)), (character) => character.charCodeAt(0));
  const key = await aesKey(cellKey, use, owner);
  const text = await crypto.subtle.decrypt({ name: "AES-GCM", iv: bytes.subarray(0, NONCE_BYTES) }, key, bytes.subarray(NONCE_BYTES));
  return new TextDecoder().decode(text);
}

/** HMAC-SHA-256 of a value under the tenant's key for this use, hex: equal values meet, and nobody without the key can test a guess. */
export async function keyedIndex(cellKey: string, use: KeyUse, owner: string, value: string): Promise<string> {
  const base = await rootKey(cellKey);
  const key = await crypto.subtle.deriveKey(hkdf(use, owner), base, { name: "HMAC", hash: "SHA-256", length: 256 }, false, ["sign"]);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(value)));
  return toHex(mac);
}

/** 32 bytes for a key that is made elsewhere, such as the seed of a signing key: the same whenever they are asked for. */
export async function deriveBits(cellKey: string, use: KeyUse, owner: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.deriveBits(hkdf(use, owner), await rootKey(cellKey), 256));
}

async function aesKey(cellKey: string, use: KeyUse, owner: string): Promise<CryptoKey> {
  return crypto.subtle.deriveKey(hkdf(use, owner), await rootKey(cellKey), { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

async function rootKey(cellKey: string): Promise<CryptoKey> {
  const bytes = Uint8Array.from(atob(cellKey), (character) => character.charCodeAt(0));
  if (bytes.length !== 32) throw new Error("CELL_KEY must be 32 bytes in base64");
  return crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey", "deriveBits"]);
}

function hkdf(use: KeyUse, owner: string) {
  return { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: encoder.encode(`weir/v1/${use}/${owner}`) };
}
