// Crockford's base32 in lower case: no i, l, o, u, so an id can be read aloud and never spells a word by accident.
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** Bytes to base32 text, most significant bit first, without padding: 20 bytes give 32 characters. */
export function toBase32(bytes: Uint8Array): string {
  let text = "";
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = ((buffer << 8) | byte) & 0xffff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET.charAt((buffer >>> bits) & 31);
    }
  }
  if (bits > 0) text += ALPHABET.charAt((buffer << (5 - bits)) & 31);
  return text;
}

/** An unsigned 32-bit number as 7 base32 characters. */
export function uint32ToBase32(value: number): string {
  let text = "";
  for (let shift = 30; shift >= 0; shift -= 5) text += ALPHABET.charAt((value >>> shift) & 31);
  return text;
}

export const BASE32_CHARACTERS = `[${ALPHABET}]`;
