import { concatBytes } from "../encoding/bytes.ts";
import { emptyRoot, HASH_BYTES, nodeHash } from "./hash.ts";
import {
  consistencyRanges,
  inclusionRanges,
  isPowerOfTwo,
  requireHash,
  requireSize,
  splitPoint,
  treeRoot,
  type LeafRange,
} from "./merkle.ts";
import { TILE_WIDTH, type TileId } from "./tile-path.ts";

/** A tile of hashes, 32 bytes each, one after another (C2SP tlog-tiles). */
export interface Tile extends TileId {
  bytes: Uint8Array;
}

/**
 * Fetches a tile. It may answer with a wider one of the same level and index, as a partial tile may be gone once the
 * full one exists: tiles only grow, so the first `width` hashes are the same. It rejects when the tile is missing.
 */
export type ReadTile = (level: number, index: number, width: number) => Promise<Uint8Array>;

export interface Append {
  /** Leaves in the grown tree. */
  size: number;
  root: Uint8Array;
  /** Tiles to store, lower levels first. Full tiles never change again; a partial one is superseded by the next append. */
  tiles: Tile[];
}

/**
 * Grows a tree by leaf hashes. It reads only the right edge, at most one tile per level, whatever the tree's size, and
 * trusts it: compare `rootFromTiles` with the last checkpoint when the edge comes from storage.
 * A RangeError for a hash or a tile of the wrong length; errors of `readTile` pass through. Nothing is changed then.
 */
export async function appendLeaves(size: number, readTile: ReadTile, leafHashes: readonly Uint8Array[]): Promise<Append> {
  const newSize = size + leafHashes.length;
  requireSize(size);
  requireSize(newSize);
  for (const hash of leafHashes) requireHash(hash);

  const edge = await readEdge(size, readTile);
  const tiles: Tile[] = [];
  // What the tree gains at this level, and the root of all that is right of the level's last full tile.
  let gained = leafHashes;
  let remainder: Uint8Array | undefined;
  for (let level = 0; level < edge.length || gained.length > 0; level++) {
    const hashes = [...(edge[level] ?? []), ...gained];
    const firstIndex = Math.floor(size / TILE_WIDTH ** (level + 1));
    const roots: Promise<Uint8Array>[] = [];
    let rest: Uint8Array[] = [];
    for (let start = 0; start < hashes.length; start += TILE_WIDTH) {
      const row = hashes.slice(start, start + TILE_WIDTH);
      if (gained.length > 0) {
        tiles.push({ level, index: firstIndex + start / TILE_WIDTH, width: row.length, bytes: concatBytes(...row) });
      }
      if (row.length === TILE_WIDTH) roots.push(treeRoot(row));
      else rest = row;
    }
    remainder = await joinRemainder(rest, remainder);
    gained = await Promise.all(roots);
  }
  return { size: newSize, root: remainder ?? emptyRoot(), tiles };
}

/** The root of a tree, from its right edge alone: at most one tile per level. */
export async function rootFromTiles(size: number, readTile: ReadTile): Promise<Uint8Array> {
  let remainder: Uint8Array | undefined;
  for (const hashes of await readEdge(size, readTile)) remainder = await joinRemainder(hashes, remainder);
  return remainder ?? emptyRoot();
}

/** The tiles that `appendLeaves` reads, and a log keeps at hand: the partial tile of each level that has one. */
export function rightEdge(size: number): TileId[] {
  requireSize(size);
  const edge: TileId[] = [];
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    const width = hashes % TILE_WIDTH;
    if (width > 0) edge.push({ level, index: Math.floor(hashes / TILE_WIDTH), width });
  }
  return edge;
}

/** PATH of RFC 6962 §2.1.1 for a leaf of a tree of this size, reading only the tiles it needs, each once. */
export function inclusionPathFromTiles(index: number, size: number, readTile: ReadTile): Promise<Uint8Array[]> {
  return hashRanges(inclusionRanges(index, size), size, readTile);
}

/** PROOF of RFC 6962 §2.1.2 between two sizes of one log, reading only the tiles it needs, each once. */
export function consistencyPathFromTiles(oldSize: number, newSize: number, readTile: ReadTile): Promise<Uint8Array[]> {
  return hashRanges(consistencyRanges(oldSize, newSize), newSize, readTile);
}

/** Hashes of the partial tile of each level, level 0 first; empty where the level ends in a full tile. */
async function readEdge(size: number, readTile: ReadTile): Promise<Uint8Array[][]> {
  const tiles = await Promise.all(rightEdge(size).map(async (id) => ({ level: id.level, hashes: await readHashes(id, readTile) })));
  const levels: Uint8Array[][] = [];
  for (const { level, hashes } of tiles) {
    while (levels.length < level) levels.push([]);
    levels.push(hashes);
  }
  return levels;
}

// A level's partial tile and, as its last node, the root of all that is right of the full tiles below it.
async function joinRemainder(hashes: readonly Uint8Array[], below: Uint8Array | undefined): Promise<Uint8Array | undefined> {
  if (hashes.length === 0) return below;
  return treeRoot(below === undefined ? hashes : [...hashes, below]);
}

async function hashRanges(ranges: readonly LeafRange[], size: number, readTile: ReadTile): Promise<Uint8Array[]> {
  const tiles = new Map<string, Promise<Uint8Array[]>>();
  const hashesOf = (level: number, index: number): Promise<Uint8Array[]> => {
    const key = `${level}/${index}`;
    const known = tiles.get(key);
    if (known) return known;
    const width = Math.min(TILE_WIDTH, Math.floor(size / TILE_WIDTH ** level) - index * TILE_WIDTH);
    const hashes = readHashes({ level, index, width }, readTile);
    tiles.set(key, hashes);
    return hashes;
  };
  const hashOf = async ({ start, end }: LeafRange): Promise<Uint8Array> => {
    const length = end - start;
    if (isPowerOfTwo(length)) return hashOfPerfectTree(start, length, hashesOf);
    // Only nodes on the right edge come here: what is left of the split is perfect.
    const middle = start + splitPoint(length);
    const [left, right] = await Promise.all([hashOf({ start, end: middle }), hashOf({ start: middle, end })]);
    return nodeHash(left, right);
  };
  return Promise.all(ranges.map(hashOf));
}

/** Root of `length` leaves, a power of two, at a multiple of `length`: some of the hashes of exactly one tile. */
async function hashOfPerfectTree(
  start: number,
  length: number,
  hashesOf: (level: number, index: number) => Promise<Uint8Array[]>,
): Promise<Uint8Array> {
  let level = 0;
  let leavesPerHash = 1;
  while (leavesPerHash * TILE_WIDTH <= length) {
    leavesPerHash *= TILE_WIDTH;
    level++;
  }
  const first = start / leavesPerHash;
  const offset = first % TILE_WIDTH;
  const hashes = await hashesOf(level, Math.floor(first / TILE_WIDTH));
  return treeRoot(hashes.slice(offset, offset + length / leavesPerHash));
}

async function readHashes({ level, index, width }: TileId, readTile: ReadTile): Promise<Uint8Array[]> {
  const bytes = await readTile(level, index, width);
  const isWhole = bytes.length % HASH_BYTES === 0 && bytes.length <= TILE_WIDTH * HASH_BYTES;
  if (!isWhole || bytes.length < width * HASH_BYTES) {
    throw new RangeError(`tile ${level}/${index} has ${bytes.length} bytes, and should hold ${width} hashes`);
  }
  return Array.from({ length: width }, (_, i) => bytes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES));
}
