import { beforeAll, describe, expect, test } from "vitest";
import { toHex } from "../encoding/hex.ts";
import { emptyRoot } from "./hash.ts";
import { consistencyPath, inclusionPath, treeRoot, verifyConsistency, verifyInclusion } from "./merkle.ts";
import { appendAll, memoryTiles, tilesOfSize } from "./memory-tiles.ts";
import { leafHashes, someHashes, weirTestLeaves } from "./some-leaves.ts";
import { tilePath } from "./tile-path.ts";
import { appendLeaves, consistencyPathFromTiles, inclusionPathFromTiles, rightEdge, rootFromTiles } from "./tiles.ts";

describe("a log of 70,000 leaves", () => {
  const size = 70_000;
  const hashes = someHashes(size + 300);
  const tiles = memoryTiles();
  let root: Uint8Array;
  beforeAll(async () => {
    root = (await appendAll(tiles, [hashes.slice(0, size)])).root;
  });

  test("is laid out as C2SP tlog-tiles says", () => {
    const paths = [...tiles.stored.keys()];
    expect(paths.filter((path) => /^\/tile\/0\/[x0-9/]+$/.test(path))).toHaveLength(273);
    expect(paths.filter((path) => path.includes(".p/"))).toEqual(["/tile/0/273.p/112", "/tile/1/001.p/17", "/tile/2/000.p/1"]);
    expect(paths).toContain("/tile/1/000");
    expect(paths).toHaveLength(273 + 1 + 1 + 1 + 1);
    expect([...tiles.stored.values()].filter((bytes) => bytes.length === 8192)).toHaveLength(274);
  });

  test("grows by reading its right edge alone", async () => {
    tiles.reads.length = 0;
    const grown = await appendLeaves(size, tiles.read, hashes.slice(size));
    expect(tiles.reads).toEqual(["/tile/0/273.p/112", "/tile/1/001.p/17", "/tile/2/000.p/1"]);
    expect(grown.tiles.map(tilePath)).toEqual(["/tile/0/273", "/tile/0/274.p/156", "/tile/1/001.p/18"]);
    tiles.store(grown.tiles);
    expect(await rootFromTiles(grown.size, tiles.read)).toEqual(grown.root);
    const path = await consistencyPathFromTiles(size, grown.size, tiles.read);
    expect(await verifyConsistency({ oldSize: size, oldRoot: root, newSize: grown.size, newRoot: grown.root, path })).toBe(true);
  });

  test.each([0, 255, 256, 65_535, 65_536, 69_887, 69_999])("proves leaf %d from at most six tiles, each read once", async (index) => {
    tiles.reads.length = 0;
    const path = await inclusionPathFromTiles(index, size, tiles.read);
    expect(tiles.reads.length).toBeLessThanOrEqual(6);
    expect(new Set(tiles.reads).size).toBe(tiles.reads.length);
    const [leafHash = new Uint8Array()] = hashes.slice(index);
    expect(await verifyInclusion({ index, size, leafHash, path, root })).toBe(true);
  });
});

describe("tiles", () => {
  test("a tree of 256 is a full tile and a partial one above it", async () => {
    const tiles = memoryTiles();
    const { root } = await appendAll(tiles, [someHashes(256)]);
    expect([...tiles.stored.keys()]).toEqual(["/tile/0/000", "/tile/1/000.p/1"]);
    expect(tiles.stored.get("/tile/1/000.p/1")).toEqual(root);
    expect(rightEdge(256)).toEqual([{ level: 1, index: 0, width: 1 }]);
  });

  test("an empty log has no tiles and the empty root", async () => {
    expect(await appendLeaves(0, memoryTiles().read, [])).toEqual({ size: 0, root: emptyRoot(), tiles: [] });
    expect(await rootFromTiles(0, memoryTiles().read)).toEqual(emptyRoot());
  });

  test("appending nothing changes no tile and keeps the root", async () => {
    const tiles = memoryTiles();
    const { root } = await appendAll(tiles, [someHashes(300)]);
    expect(await appendLeaves(300, tiles.read, [])).toEqual({ size: 300, root, tiles: [] });
  });

  test("proofs of the 300-leaf log hold between its two checkpoints", async () => {
    const hashes = await leafHashes(await weirTestLeaves(300));
    const tiles = memoryTiles();
    const old = await appendAll(tiles, [hashes.slice(0, 257)]);
    const grown = await appendAll(tiles, [hashes.slice(257)], 257);
    const path = await consistencyPathFromTiles(257, 300, tiles.read);
    expect(path).toEqual(await consistencyPath(257, hashes));
    expect(await verifyConsistency({ oldSize: 257, oldRoot: old.root, newSize: 300, newRoot: grown.root, path })).toBe(true);
    expect(await inclusionPathFromTiles(271, 300, tiles.read)).toEqual(await inclusionPath(271, hashes));
  });

  test("a full tile serves where the partial one is gone", async () => {
    const tiles = memoryTiles();
    const hashes = someHashes(600);
    await appendAll(tiles, [hashes]);
    const fullOnly = (level: number, index: number) =>
      tiles.read(level, index, tilesOfSize(600).find((id) => id.level === level && id.index === index)?.width ?? 0);
    expect(await inclusionPathFromTiles(3, 100, fullOnly)).toEqual(await inclusionPath(3, hashes.slice(0, 100)));
    expect(await rootFromTiles(100, fullOnly)).toEqual(await treeRoot(hashes.slice(0, 100)));
  });

  test("a tile that is cut short, too long or missing stops the append", async () => {
    const append = (bytes: number) => appendLeaves(3, async () => new Uint8Array(bytes), someHashes(1));
    await expect(append(64)).rejects.toThrow("tile 0/0 has 64 bytes, and should hold 3 hashes");
    await expect(append(97)).rejects.toThrow(RangeError);
    await expect(append(257 * 32)).rejects.toThrow(RangeError);
    await expect(appendLeaves(3, memoryTiles().read, someHashes(1))).rejects.toThrow("no tile /tile/0/000.p/3");
  });

  test("a leaf hash of 31 bytes and a size beyond 2^53 are refused before anything is read", async () => {
    const tiles = memoryTiles();
    await expect(appendLeaves(3, tiles.read, [new Uint8Array(31)])).rejects.toThrow(RangeError);
    await expect(appendLeaves(Number.MAX_SAFE_INTEGER, tiles.read, someHashes(1))).rejects.toThrow(RangeError);
    expect(tiles.reads).toEqual([]);
  });

  test("the largest tree's edge still has exact positions", () => {
    expect(rightEdge(Number.MAX_SAFE_INTEGER).map(tilePath)).toEqual([
      "/tile/0/x035/x184/x372/x088/831.p/255",
      "/tile/1/x137/x438/x953/471.p/255",
      "/tile/2/x536/x870/911.p/255",
      "/tile/3/x002/x097/151.p/255",
      "/tile/4/x008/191.p/255",
      "/tile/5/031.p/255",
      "/tile/6/000.p/31",
    ]);
  });

  test("an edited tile cannot prove a leaf against the signed root", async () => {
    const tiles = memoryTiles();
    const hashes = someHashes(300);
    const { root } = await appendAll(tiles, [hashes]);
    const bytes = tiles.stored.get("/tile/0/000")?.slice() ?? new Uint8Array();
    bytes[40] = 0xff;
    tiles.stored.set("/tile/0/000", bytes);
    const path = await inclusionPathFromTiles(0, 300, tiles.read);
    expect(path.map(toHex)).not.toEqual((await inclusionPath(0, hashes)).map(toHex));
    expect(await verifyInclusion({ index: 0, size: 300, leafHash: hashes[0] ?? new Uint8Array(), path, root })).toBe(false);
  });
});
