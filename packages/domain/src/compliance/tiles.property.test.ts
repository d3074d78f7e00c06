import fc from "fast-check";
import { expect, test } from "vitest";
import { consistencyPath, inclusionPath, treeRoot } from "./merkle.ts";
import { appendAll, memoryTiles, tilesOfSize } from "./memory-tiles.ts";
import { someHashes } from "./some-leaves.ts";
import { tilePath } from "./tile-path.ts";
import { consistencyPathFromTiles, inclusionPathFromTiles, rootFromTiles } from "./tiles.ts";

const someBatches = () => fc.array(fc.oneof(fc.nat(5), fc.nat(300), fc.constantFrom(255, 256, 257)), { minLength: 1, maxLength: 6 });

function inBatches(hashes: readonly Uint8Array[], sizes: readonly number[]): Uint8Array[][] {
  let start = 0;
  return sizes.map((size) => hashes.slice(start, (start += size)));
}

test("tiles computed in random batches equal tiles computed at once", async () => {
  await fc.assert(
    fc.asyncProperty(someBatches(), async (sizes) => {
      const hashes = someHashes(sizes.reduce((sum, size) => sum + size, 0));
      const atOnce = memoryTiles();
      const grown = memoryTiles();
      const whole = await appendAll(atOnce, [hashes]);
      const last = await appendAll(grown, inBatches(hashes, sizes));

      expect(last.size).toBe(hashes.length);
      expect(last.root).toEqual(whole.root);
      expect(whole.root).toEqual(await treeRoot(hashes));
      expect([...atOnce.stored.keys()].sort()).toEqual(tilesOfSize(hashes.length).map(tilePath).sort());
      for (const [path, bytes] of atOnce.stored) expect(grown.stored.get(path), `tile ${path}`).toEqual(bytes);
    }),
    { numRuns: 12 },
  );
});

test("a batch writes only tiles that changed", async () => {
  await fc.assert(
    fc.asyncProperty(someBatches(), async (sizes) => {
      const tiles = memoryTiles();
      for (const [i, batch] of inBatches(someHashes(sizes.reduce((sum, size) => sum + size, 0)), sizes).entries()) {
        const before = new Set(tiles.stored.keys());
        const size = sizes.slice(0, i).reduce((sum, count) => sum + count, 0);
        const { tiles: written } = await appendAll(tiles, [batch], size);
        for (const tile of written) expect(before).not.toContain(tilePath(tile));
      }
    }),
    { numRuns: 10 },
  );
});

test("proofs from tiles equal proofs from leaves", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 900 }), fc.nat(), fc.nat(), async (size, someIndex, someOldSize) => {
      const hashes = someHashes(size);
      const tiles = memoryTiles();
      await appendAll(tiles, [hashes]);
      const index = someIndex % size;
      const oldSize = someOldSize % (size + 1);
      expect(await inclusionPathFromTiles(index, size, tiles.read)).toEqual(await inclusionPath(index, hashes));
      expect(await consistencyPathFromTiles(oldSize, size, tiles.read)).toEqual(await consistencyPath(oldSize, hashes));
      expect(await rootFromTiles(size, tiles.read)).toEqual(await treeRoot(hashes));
    }),
    { numRuns: 15 },
  );
});
