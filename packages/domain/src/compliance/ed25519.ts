import { concatBytes } from "../encoding/bytes.ts";
import { fromBase64Url } from "../encoding/base64.ts";

export const ED25519_KEY_BYTES = 32;
export const ED25519_SIGNATURE_BYTES = 64;

const ALGORITHM = { name: "Ed25519" };
// RFC 8410 §7: a private key of 32 bytes, all but its value. WebCrypto takes private keys as PKCS #8, not raw.
const PKCS8_PREFIX = Uint8Array.of(0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20);

/** A private key that signs and cannot be exported, with its public key of 32 bytes. */
export interface Ed25519KeyPair {
  privateKey: CryptoKey;
  publicKey: Uint8Array;
}

/** The key pair of a seed of 32 bytes (RFC 8032 §5.1.5). */
export async function keyPairFromSeed(seed: Uint8Array): Promise<Ed25519KeyPair> {
  if (seed.length !== ED25519_KEY_BYTES) throw new RangeError(`an Ed25519 seed has ${ED25519_KEY_BYTES} bytes, not ${seed.length}`);
  const pkcs8 = concatBytes(PKCS8_PREFIX, seed);
  // WebCrypto derives the public key only on export, so one extractable copy lives for the length of this call.
  const extractable = await crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, true, ["sign"]);
  const exported: unknown = await crypto.subtle.exportKey("jwk", extractable);
  const publicKey = publicPart(exported);
  if (publicKey === undefined) throw new TypeError("the Ed25519 key was exported without its public part");
  return { privateKey: await crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, false, ["sign"]), publicKey };
}

function publicPart(jwk: unknown): Uint8Array | undefined {
  if (typeof jwk !== "object" || jwk === null || !("x" in jwk) || typeof jwk.x !== "string") return undefined;
  return fromBase64Url(jwk.x);
}

/** A public key of 32 bytes, ready to verify; undefined when it is none. */
export async function importPublicKey(publicKey: Uint8Array): Promise<CryptoKey | undefined> {
  if (publicKey.length !== ED25519_KEY_BYTES) return undefined;
  try {
    return await crypto.subtle.importKey("raw", publicKey, ALGORITHM, false, ["verify"]);
  } catch {
    return undefined;
  }
}

export async function signEd25519(privateKey: CryptoKey, message: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.sign(ALGORITHM, privateKey, message));
}

/** False for a signature of the wrong length, too. */
export async function verifyEd25519(publicKey: CryptoKey, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  if (signature.length !== ED25519_SIGNATURE_BYTES) return false;
  return crypto.subtle.verify(ALGORITHM, publicKey, signature, message);
}
