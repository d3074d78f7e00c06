import { parseDecimal } from "../encoding/decimal.ts";

/** Hashes in a full tile, and entries in a full bundle (C2SP tlog-tiles). */
export const TILE_WIDTH = 256;
const MAX_LEVEL = 63;

/** Names a tile of hashes. */
export interface TileId {
  /** 0 holds leaf hashes; each hash of level L + 1 is the root of a full tile of level L. 0 to 63. */
  level: number;
  /** Position in the level, from 0. */
  index: number;
  /** Hashes in it: 256 in a full tile, 1 to 255 in a partial one. */
  width: number;
}

/** Names a bundle of entries; index and width are those of the level-0 tile that holds their hashes. */
export interface BundleId {
  index: number;
  width: number;
}

export type TilePath = ({ kind: "hashes" } & TileId) | ({ kind: "entries" } & BundleId);

/** `/tile/0/x001/x234/067`, `/tile/1/000.p/17`. Appended to the log's prefix, in a URL as in a bucket. */
export function tilePath({ level, index, width }: TileId): string {
  if (!Number.isInteger(level) || level < 0 || level > MAX_LEVEL) throw new RangeError(`${level} is not a level`);
  return `/tile/${level}/${indexAndWidth(index, width)}`;
}

/** `/tile/entries/x001/x234/067`, `/tile/entries/000.p/3`. */
export function bundlePath({ index, width }: BundleId): string {
  return `/tile/entries/${indexAndWidth(index, width)}`;
}

/**
 * Reads a path that `tilePath` or `bundlePath` writes, and no other: each tile has one address, so caches, access rules
 * and bucket keys agree. Undefined for escapes, dots, needless zeroes or groups, widths of 0 or 256 and anything around.
 */
export function parseTilePath(path: string): TilePath | undefined {
  const match = /^\/tile\/(entries|[0-9]{1,2})\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/.exec(path);
  if (!match) return undefined;
  const [, section = "", groups = "", suffix] = match;
  const index = Number(groups.replace(/[x/]/g, ""));
  const width = suffix === undefined ? TILE_WIDTH : parseDecimal(suffix);
  // A needless leading group (`x000/001`) names an index that has a shorter name.
  if (!Number.isSafeInteger(index) || indexPath(index) !== groups) return undefined;
  if (width === undefined || width === 0 || (suffix !== undefined && width >= TILE_WIDTH)) return undefined;
  if (section === "entries") return { kind: "entries", index, width };
  const level = parseDecimal(section);
  return level === undefined || level > MAX_LEVEL ? undefined : { kind: "hashes", level, index, width };
}

function indexAndWidth(index: number, width: number): string {
  if (!Number.isSafeInteger(index) || index < 0) throw new RangeError(`${index} is not a tile's index`);
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) throw new RangeError(`${width} is not a tile's width`);
  return width === TILE_WIDTH ? indexPath(index) : `${indexPath(index)}.p/${width}`;
}

function indexPath(index: number): string {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
  return padded.replace(/[0-9]{3}(?=[0-9])/g, "x$&/");
}
