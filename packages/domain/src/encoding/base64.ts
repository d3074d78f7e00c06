const STANDARD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** RFC 4648 §4, with padding. */
export function toBase64(bytes: Uint8Array): string {
  const text = encode(bytes, STANDARD);
  return text.padEnd(Math.ceil(text.length / 4) * 4, "=");
}

/**
 * RFC 4648 §4, strictly: padding is required, white space and spare bits are refused. Each value has exactly one
 * spelling, so no character of a signed line can change without changing what it says. Undefined when refused.
 */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return decode(text.slice(0, text.length - padding), STANDARD, padding);
}

/** RFC 4648 §5, without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  return encode(bytes, URL_SAFE);
}

/** RFC 4648 §5 without padding, as strict as `fromBase64`. */
export function fromBase64Url(text: string): Uint8Array | undefined {
  return decode(text, URL_SAFE, (4 - (text.length % 4)) % 4);
}

function encode(bytes: Uint8Array, alphabet: string): string {
  let text = "";
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = ((buffer << 8) | byte) & 0x3fff;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text += alphabet.charAt((buffer >>> bits) & 63);
    }
  }
  if (bits > 0) text += alphabet.charAt((buffer << (6 - bits)) & 63);
  return text;
}

function decode(digits: string, alphabet: string, padding: number): Uint8Array | undefined {
  // Three missing digits would leave 6 bits: less than a byte.
  if (padding > 2 || (digits.length + padding) % 4 !== 0) return undefined;
  const bytes = new Uint8Array(Math.floor((digits.length * 6) / 8));
  let length = 0;
  let buffer = 0;
  let bits = 0;
  for (const digit of digits) {
    const value = alphabet.indexOf(digit);
    if (value < 0) return undefined;
    buffer = ((buffer << 6) | value) & 0x3fff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[length++] = (buffer >>> bits) & 0xff;
  }
  const spareBits = buffer & ((1 << bits) - 1);
  return spareBits === 0 ? bytes : undefined;
}
