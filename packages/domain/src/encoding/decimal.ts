/**
 * A non-negative whole number in ASCII digits without leading zeroes, at most 2^53 - 1; undefined for any other text.
 * C2SP formats allow 64 bits, but no log of ours reaches 2^53 leaves, and a number above it would lose its last digits.
 */
export function parseDecimal(text: string): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}
