import { equalBytes } from "../encoding/bytes.ts";
import { openCheckpoint, type Checkpoint, type CheckpointRefusal } from "./checkpoint.ts";
import { decodeEntries } from "./entry-bundle.ts";
import { HASH_BYTES, leafHash } from "./hash.ts";
import { treeRoot } from "./merkle.ts";
import { bundlePath, TILE_WIDTH, tilePath } from "./tile-path.ts";
import { rootFromTiles } from "./tiles.ts";
import { trustInKey } from "./tlog-proof.ts";

/** Reads `/checkpoint` or `/tile/…` of a log, from its bucket or its URL; undefined when it is not there. */
export type ReadLogFile = (path: string) => Promise<Uint8Array | undefined>;

export type SelfAudit =
  | { ok: true; checkpoint: Checkpoint }
  | {
      ok: false;
      reason: "unusable_key" | CheckpointRefusal | "missing" | "malformed" | "entry_differs" | "tile_differs" | "root_differs";
      /** The file at fault. Where an entry and its hash differ, nobody can say which of the two was altered: it is the bundle. */
      path: string;
      /** The first leaf that this file no longer vouches for. */
      leaf?: number;
    };

class Fault extends Error {
  readonly finding: Extract<SelfAudit, { ok: false }>;
  constructor(reason: Extract<SelfAudit, { ok: false }>["reason"], path: string, leaf?: number) {
    super(`${path}: ${reason}`);
    this.finding = { ok: false, reason, path, ...(leaf === undefined ? {} : { leaf }) };
  }
}

/**
 * Re-computes a whole log from its entries: every entry against its tile, every tile against the tiles below it, the root
 * against the signed checkpoint. Tiles alone would not do: an edited entry under untouched tiles keeps every proof of
 * consistency valid. Reads each file once, in order; names the first fault.
 */
export async function auditLog(read: ReadLogFile, vkey: string): Promise<SelfAudit> {
  try {
    const checkpoint = await readCheckpoint(read, vkey);
    await auditTree(read, checkpoint);
    return { ok: true, checkpoint };
  } catch (error) {
    if (error instanceof Fault) return error.finding;
    throw error;
  }
}

async function readCheckpoint(read: ReadLogFile, vkey: string): Promise<Checkpoint> {
  const trust = await trustInKey(vkey);
  if (!trust) throw new Fault("unusable_key", "/checkpoint");
  const opened = await openCheckpoint(await mustRead(read, "/checkpoint"), trust);
  if (!opened.ok) throw new Fault(opened.reason, "/checkpoint");
  return opened.checkpoint;
}

async function auditTree(read: ReadLogFile, { size, root }: Checkpoint): Promise<void> {
  // Hashes that the tiles of a level must hold, as computed from the level below; undefined at level 0: the entries say.
  let computed: Uint8Array[] | undefined;
  const edge = new Map<string, Uint8Array>();
  for (let level = 0, count = size; count > 0; level++, count = Math.floor(count / TILE_WIDTH)) {
    const roots: Uint8Array[] = [];
    for (let start = 0; start < count; start += TILE_WIDTH) {
      const id = { level, index: start / TILE_WIDTH, width: Math.min(TILE_WIDTH, count - start) };
      const path = tilePath(id);
      const firstLeaf = start * TILE_WIDTH ** level;
      const bytes = await mustRead(read, path, firstLeaf);
      if (bytes.length !== id.width * HASH_BYTES) throw new Fault("malformed", path, firstLeaf);
      const wanted = computed?.slice(start, start + id.width) ?? (await hashesOfBundle(read, id));
      const differs = wanted.findIndex((hash, i) => !equalBytes(hash, hashAt(bytes, i)));
      if (differs >= 0 && level === 0) throw new Fault("entry_differs", bundlePath(id), start + differs);
      if (differs >= 0) throw new Fault("tile_differs", path, (start + differs) * TILE_WIDTH ** level);
      if (id.width === TILE_WIDTH) roots.push(await treeRoot(wanted));
      else edge.set(`${level}/${id.index}`, bytes);
    }
    computed = roots;
  }
  const found = await rootFromTiles(size, async (level, index) => edge.get(`${level}/${index}`) ?? new Uint8Array());
  if (!equalBytes(found, root)) throw new Fault("root_differs", "/checkpoint");
}

async function hashesOfBundle(read: ReadLogFile, id: { index: number; width: number }): Promise<Uint8Array[]> {
  const path = bundlePath(id);
  const firstLeaf = id.index * TILE_WIDTH;
  const entries = decodeEntries(await mustRead(read, path, firstLeaf), id.width);
  if (!entries) throw new Fault("malformed", path, firstLeaf);
  return Promise.all(entries.map(leafHash));
}

function hashAt(tile: Uint8Array, i: number): Uint8Array {
  return tile.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);
}

async function mustRead(read: ReadLogFile, path: string, leaf?: number): Promise<Uint8Array> {
  const bytes = await read(path);
  if (!bytes) throw new Fault("missing", path, leaf);
  return bytes;
}
