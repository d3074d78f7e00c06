import { concatBytes } from "../encoding/bytes.ts";
import { requireSize } from "./merkle.ts";
import { TILE_WIDTH, type BundleId } from "./tile-path.ts";

/** A length is 16 bits wide (C2SP tlog-tiles). */
const MAX_ENTRY_BYTES = 65_535;

export interface EntryBundle extends BundleId {
  bytes: Uint8Array;
}

/** Entries, each behind its length as a big-endian uint16. A RangeError for an entry beyond 65,535 bytes. */
export function encodeEntries(entries: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    ...entries.flatMap((entry) => {
      if (entry.length > MAX_ENTRY_BYTES) throw new RangeError(`an entry has at most ${MAX_ENTRY_BYTES} bytes, not ${entry.length}`);
      return [Uint8Array.of(entry.length >>> 8, entry.length & 0xff), entry];
    }),
  );
}

/** The entries of a bundle of this width; undefined when it is cut short, holds more or fewer, or ends in other bytes. */
export function decodeEntries(bytes: Uint8Array, width: number): Uint8Array[] | undefined {
  const entries: Uint8Array[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const [high, low] = bytes.subarray(offset, offset + 2);
    if (high === undefined || low === undefined) return undefined;
    const end = offset + 2 + high * 256 + low;
    if (end > bytes.length) return undefined;
    entries.push(bytes.slice(offset + 2, end));
    offset = end;
  }
  return entries.length === width ? entries : undefined;
}

/**
 * The bundles that change when entries join a log of `size`: the last partial one grows, full and partial ones follow.
 * `lastBundle` holds the `size % 256` entries after the last full bundle; it is not read when there are none.
 */
export function appendEntries(size: number, lastBundle: Uint8Array | undefined, entries: readonly Uint8Array[]): EntryBundle[] {
  requireSize(size + entries.length);
  const width = size % TILE_WIDTH;
  const kept = width === 0 ? [] : decodeEntries(lastBundle ?? new Uint8Array(), width);
  if (kept === undefined) throw new RangeError(`the last bundle of a log of ${size} does not hold ${width} entries`);
  if (entries.length === 0) return [];
  const pending = [...kept, ...entries];
  const firstIndex = Math.floor(size / TILE_WIDTH);
  const bundles: EntryBundle[] = [];
  for (let start = 0; start < pending.length; start += TILE_WIDTH) {
    const group = pending.slice(start, start + TILE_WIDTH);
    bundles.push({ index: firstIndex + start / TILE_WIDTH, width: group.length, bytes: encodeEntries(group) });
  }
  return bundles;
}
