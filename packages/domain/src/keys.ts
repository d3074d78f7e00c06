import { BASE32_CHARACTERS, toBase32, uint32ToBase32 } from "./base32.ts";
import { isCell, type Cell } from "./cells.ts";
import { toHex } from "./encoding/hex.ts";
import { randomPart } from "./ids.ts";

/**
 * An API key: `wk_<cell>_<tenant>_<id>_<secret><check>`. The secret is 160 random bits; the check is the CRC-32 of all
 * before it, so that a mistyped or invented key is refused by arithmetic alone and never wakes a database or an object.
 * The operator's key has the word `operator` in the tenant's place.
 */
export interface ParsedKey {
  cell: Cell;
  /** Tenant id (`t_eu_…`), or `operator`. */
  tenant: string;
  /** Key id (`key_eu_…`). */
  id: string;
}

export const OPERATOR = "operator";
const FORMAT = new RegExp(
  `^wk_([a-z]+)_(${OPERATOR}|${BASE32_CHARACTERS}{26})_(${BASE32_CHARACTERS}{26})_(${BASE32_CHARACTERS}{32})(${BASE32_CHARACTERS}{7})$`,
);

/** Makes a key for a tenant (`t_eu_…`) or for `operator`. Shown once; only its hash is kept. */
export function newKey(cell: Cell, tenant: string): { key: string; id: string } {
  const owner = tenant === OPERATOR ? OPERATOR : tenant.slice(`t_${cell}_`.length);
  const id = randomPart();
  const secret = toBase32(crypto.getRandomValues(new Uint8Array(20)));
  const body = `wk_${cell}_${owner}_${id}_${secret}`;
  return { key: body + checkCode(body), id: `key_${cell}_${id}` };
}

/** Takes a key apart and verifies its check code; undefined for anything that is not a key of ours. */
export function parseKey(key: string): ParsedKey | undefined {
  // Two reads of a header of at most 120 characters; a longer one is not a key and is not matched against.
  if (key.length > 160) return undefined;
  const match = FORMAT.exec(key);
  if (!match) return undefined;
  const [, cell, owner, id, , check] = match;
  if (!isCell(cell) || owner === undefined || id === undefined || check === undefined) return undefined;
  if (checkCode(key.slice(0, -check.length)) !== check) return undefined;
  return { cell, tenant: owner === OPERATOR ? OPERATOR : `t_${cell}_${owner}`, id: `key_${cell}_${id}` };
}

/** SHA-256 of a key, hex: what is stored. The key has 160 random bits, so no salt or slow hash is needed. */
export async function hashKey(key: string): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key))));
}

/** Compares two hashes without leaving early at the first difference. */
export function sameHash(a: string, b: string): boolean {
  if (a.length !== b.length || a.length === 0) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function checkCode(text: string): string {
  let crc = 0xffffffff;
  for (let i = 0; i < text.length; i++) crc = (CRC_TABLE[(crc ^ text.charCodeAt(i)) & 0xff] ?? 0) ^ (crc >>> 8);
  return uint32ToBase32((crc ^ 0xffffffff) >>> 0);
}
