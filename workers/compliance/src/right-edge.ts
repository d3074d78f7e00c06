import { appendEntries, decodeEntries } from "@weir/domain/compliance/entry-bundle";
import { HASH_BYTES, leafHash } from "@weir/domain/compliance/hash";
import { bundlePath, TILE_WIDTH, tilePath } from "@weir/domain/compliance/tile-path";
import { appendLeaves, rightEdge, rootFromTiles } from "@weir/domain/compliance/tiles";
import { concatBytes, equalBytes } from "@weir/domain/encoding/bytes";
import type { LogFile, TreeHead } from "./tree-state.ts";

/** All that a log needs of its past to grow: the partial tile of each level, and the partial bundle. */
export interface RightEdge {
  /** By path. */
  tiles: ReadonlyMap<string, Uint8Array>;
  /** The entries after the last full bundle. */
  bundle: Uint8Array | undefined;
}

interface Grown {
  size: number;
  root: Uint8Array;
  /** To be published. */
  files: LogFile[];
  edge: RightEdge;
}

/** Hashes new entries on to the edge of a log of this size. */
export async function grow(size: number, edge: RightEdge, entries: readonly Uint8Array[]): Promise<Grown> {
  const hashes = await Promise.all(entries.map(leafHash));
  const append = await appendLeaves(size, (level, index, width) => readTile(edge.tiles, { level, index, width }), hashes);
  const bundles = appendEntries(size, edge.bundle, entries);
  const files = [
    ...append.tiles.map((tile) => ({ path: tilePath(tile), bytes: tile.bytes })),
    ...bundles.map((bundle) => ({ path: bundlePath(bundle), bytes: bundle.bytes })),
  ];
  const known = new Map([...edge.tiles, ...files.map(({ path, bytes }) => [path, bytes] as const)]);
  const tiles = new Map(rightEdge(append.size).map((id) => [tilePath(id), known.get(tilePath(id)) ?? new Uint8Array()]));
  const lastBundle = append.size % TILE_WIDTH === 0 ? undefined : bundles.at(-1)?.bytes;
  return { size: append.size, root: append.root, files, edge: { tiles, bundle: lastBundle } };
}

/**
 * Reads the edge of a log back from storage, and believes it only when it hashes to the head's root, the last entries included.
 * Undefined when a file is missing or altered.
 */
export async function readRightEdge(
  head: TreeHead,
  read: (path: string) => Promise<Uint8Array | undefined>,
): Promise<RightEdge | undefined> {
  const tiles = new Map<string, Uint8Array>();
  for (const id of rightEdge(head.size)) {
    const bytes = await read(tilePath(id));
    if (bytes?.length !== id.width * HASH_BYTES) return undefined;
    tiles.set(tilePath(id), bytes);
  }
  const root = await rootFromTiles(head.size, (level, index, width) => readTile(tiles, { level, index, width }));
  if (!equalBytes(root, head.root)) return undefined;

  const last = { index: Math.floor(head.size / TILE_WIDTH), width: head.size % TILE_WIDTH };
  if (last.width === 0) return { tiles, bundle: undefined };
  const bundle = await read(bundlePath(last));
  const entries = bundle && decodeEntries(bundle, last.width);
  const hashes = entries && concatBytes(...(await Promise.all(entries.map(leafHash))));
  const isWhole = hashes !== undefined && equalBytes(hashes, tiles.get(tilePath({ level: 0, ...last })) ?? new Uint8Array());
  return isWhole ? { tiles, bundle } : undefined;
}

async function readTile(tiles: ReadonlyMap<string, Uint8Array>, id: Parameters<typeof tilePath>[0]): Promise<Uint8Array> {
  const bytes = tiles.get(tilePath(id));
  if (!bytes) throw new Error(`The right edge lacks ${tilePath(id)}`);
  return bytes;
}
