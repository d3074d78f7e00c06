import { toHex } from "../encoding/hex.ts";
import { toUtf8 } from "../encoding/utf8.ts";
import { leafHash, sha256 } from "./hash.ts";

/** Different leaves, for tests: `leaf 0`, `leaf 1` and so on. */
export function someLeaves(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => toUtf8(`leaf ${i}`));
}

export function leafHashes(leaves: readonly Uint8Array[]): Promise<Uint8Array[]> {
  return Promise.all(leaves.map(leafHash));
}

/** Different 32-byte values to stand for leaf hashes where nothing hashes the leaves: far cheaper. */
export function someHashes(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const hash = new Uint8Array(32);
    new DataView(hash.buffer).setUint32(0, i);
    return hash;
  });
}

/** The leaves of the log `weir.test/audit/t1`. */
export function weirTestLeaves(count: number): Promise<Uint8Array[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const ref = toHex(await sha256(toUtf8(`salt${i}subject${i % 7}`)));
      return toUtf8(JSON.stringify({ v: 1, seq: i, type: "consent.granted", ref }));
    }),
  );
}

/** The same bytes but for one bit. */
export function withFlippedBit(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = bytes.slice();
  const at = Math.floor(bit / 8) % bytes.length;
  flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit % 8));
  return flipped;
}

/** The items with one put in another's place. */
export function withItem<T>(items: readonly T[], at: number, item: T): T[] {
  return items.map((old, i) => (i === at ? item : old));
}
