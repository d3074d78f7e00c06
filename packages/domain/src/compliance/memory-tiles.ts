import { tilePath, type TileId } from "./tile-path.ts";
import { appendLeaves, type Append, type ReadTile, type Tile } from "./tiles.ts";

/** A log's tiles in memory, as tests store them. Partial tiles stay, as other sizes may need them. */
export interface MemoryTiles {
  read: ReadTile;
  store(tiles: readonly Tile[]): void;
  /** Paths read so far, in order. */
  reads: string[];
  /** Path and bytes of every tile stored. */
  stored: Map<string, Uint8Array>;
}

export function memoryTiles(): MemoryTiles {
  const stored = new Map<string, Uint8Array>();
  const reads: string[] = [];
  return {
    reads,
    stored,
    store: (tiles) => {
      for (const tile of tiles) stored.set(tilePath(tile), tile.bytes);
    },
    read: async (level, index, width) => {
      const path = tilePath({ level, index, width });
      reads.push(path);
      const bytes = stored.get(path);
      if (bytes === undefined) throw new Error(`no tile ${path}`);
      return bytes;
    },
  };
}

/** Appends leaf hashes batch by batch and stores each batch's tiles. */
export async function appendAll(tiles: MemoryTiles, batches: readonly (readonly Uint8Array[])[], from = 0): Promise<Append> {
  let last = await appendLeaves(from, tiles.read, []);
  for (const batch of batches) {
    last = await appendLeaves(last.size, tiles.read, batch);
    tiles.store(last.tiles);
  }
  return last;
}

/** The tiles that a tree of this size consists of, by the rule of C2SP tlog-tiles. */
export function tilesOfSize(size: number): TileId[] {
  const ids: TileId[] = [];
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / 256)) {
    for (let index = 0; index * 256 < hashes; index++) ids.push({ level, index, width: Math.min(256, hashes - index * 256) });
  }
  return ids;
}
