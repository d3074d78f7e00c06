import fc from "fast-check";
import { expect, test } from "vitest";
import { consistencyPath, inclusionPath, treeRoot, verifyConsistency, verifyInclusion } from "./merkle.ts";
import { leafHashes, someHashes, someLeaves, withFlippedBit, withItem } from "./some-leaves.ts";

const aLeaf = () => fc.integer({ min: 1, max: 130 }).chain((size) => fc.record({ size: fc.constant(size), index: fc.nat(size - 1) }));
const twoSizes = () => fc.tuple(fc.nat(130), fc.nat(130)).map(([a, b]) => ({ oldSize: Math.min(a, b), newSize: Math.max(a, b) }));

test("every leaf of a tree is proved, for every size up to 40", async () => {
  const hashes = await leafHashes(someLeaves(40));
  for (let size = 1; size <= hashes.length; size++) {
    const tree = hashes.slice(0, size);
    const root = await treeRoot(tree);
    const verdicts = await Promise.all(
      tree.map(async (leafHash, index) => verifyInclusion({ index, size, leafHash, path: await inclusionPath(index, tree), root })),
    );
    expect(verdicts).not.toContain(false);
  }
});

test("any two sizes of one log are proved consistent, up to 24", async () => {
  const hashes = someHashes(24);
  const roots = await Promise.all(Array.from({ length: 25 }, (_, size) => treeRoot(hashes.slice(0, size))));
  for (const [newSize, newRoot] of roots.entries()) {
    for (const [oldSize, oldRoot] of roots.slice(0, newSize + 1).entries()) {
      const path = await consistencyPath(oldSize, hashes.slice(0, newSize));
      expect(await verifyConsistency({ oldSize, oldRoot, newSize, newRoot, path }), `${oldSize} to ${newSize}`).toBe(true);
    }
  }
});

test("any leaf of a random tree is proved", async () => {
  await fc.assert(
    fc.asyncProperty(aLeaf(), async ({ size, index }) => {
      const hashes = someHashes(size);
      const [leafHash = new Uint8Array()] = hashes.slice(index);
      const path = await inclusionPath(index, hashes);
      expect(await verifyInclusion({ index, size, leafHash, path, root: await treeRoot(hashes) })).toBe(true);
    }),
    { numRuns: 40 },
  );
});

test("editing any leaf breaks its proof, and every other leaf's", async () => {
  await fc.assert(
    fc.asyncProperty(aLeaf(), fc.nat(), fc.nat(255), async ({ size, index }, other, bit) => {
      const hashes = someHashes(size);
      const root = await treeRoot(hashes);
      const at = other % size;
      const edited = withItem(hashes, at, withFlippedBit(hashes[at] ?? new Uint8Array(32), bit));
      const [leafHash = new Uint8Array()] = edited.slice(index);
      expect(await verifyInclusion({ index, size, leafHash, path: await inclusionPath(index, edited), root })).toBe(false);
    }),
    { numRuns: 40 },
  );
});

test("editing any bit of a path, of the leaf or of the root breaks a proof", async () => {
  await fc.assert(
    fc.asyncProperty(aLeaf(), fc.nat(), fc.nat(255), async ({ size, index }, step, bit) => {
      const hashes = someHashes(size);
      const [leafHash = new Uint8Array()] = hashes.slice(index);
      const claim = { index, size, leafHash, path: await inclusionPath(index, hashes), root: await treeRoot(hashes) };
      const at = step % Math.max(1, claim.path.length);
      const path = claim.path.map((hash, i) => (i === at ? withFlippedBit(hash, bit) : hash));
      expect(path.length > 0 && (await verifyInclusion({ ...claim, path }))).toBe(false);
      expect(await verifyInclusion({ ...claim, leafHash: withFlippedBit(leafHash, bit) })).toBe(false);
      expect(await verifyInclusion({ ...claim, root: withFlippedBit(claim.root, bit) })).toBe(false);
    }),
    { numRuns: 40 },
  );
});

test("a proof holds at no other index", async () => {
  await fc.assert(
    fc.asyncProperty(aLeaf(), async ({ size, index }) => {
      const hashes = someHashes(size);
      const [leafHash = new Uint8Array()] = hashes.slice(index);
      const path = await inclusionPath(index, hashes);
      const root = await treeRoot(hashes);
      const verdicts = await Promise.all(hashes.map((_, other) => verifyInclusion({ index: other, size, leafHash, path, root })));
      expect(verdicts.map((verdict, other) => (verdict ? other : -1)).filter((other) => other >= 0)).toEqual([index]);
    }),
    { numRuns: 15 },
  );
});

test("dropping, adding or swapping hashes of a path breaks a proof", async () => {
  await fc.assert(
    fc.asyncProperty(aLeaf(), async ({ size, index }) => {
      const hashes = someHashes(size);
      const [leafHash = new Uint8Array()] = hashes.slice(index);
      const path = await inclusionPath(index, hashes);
      const claim = { index, size, leafHash, root: await treeRoot(hashes) };
      expect(path.length > 0 && (await verifyInclusion({ ...claim, path: path.slice(1) }))).toBe(false);
      expect(path.length > 0 && (await verifyInclusion({ ...claim, path: path.slice(0, -1) }))).toBe(false);
      expect(path.length > 1 && (await verifyInclusion({ ...claim, path: path.toReversed() }))).toBe(false);
      expect(await verifyInclusion({ ...claim, path: [...path, leafHash] })).toBe(false);
    }),
    { numRuns: 40 },
  );
});

test("any two sizes of a random log are proved consistent, and not with another past", async () => {
  await fc.assert(
    fc.asyncProperty(twoSizes(), fc.nat(), fc.nat(255), async ({ oldSize, newSize }, seed, bit) => {
      const hashes = someHashes(newSize);
      const oldRoot = await treeRoot(hashes.slice(0, oldSize));
      const newRoot = await treeRoot(hashes);
      const claim = { oldSize, oldRoot, newSize, newRoot, path: await consistencyPath(oldSize, hashes) };
      expect(await verifyConsistency(claim)).toBe(true);

      expect(await verifyConsistency({ ...claim, oldRoot: withFlippedBit(oldRoot, bit) })).toBe(false);
      // From the empty tree every tree follows, whatever its root.
      expect(oldSize > 0 && (await verifyConsistency({ ...claim, newRoot: withFlippedBit(newRoot, bit) }))).toBe(false);
      const at = seed % Math.max(1, claim.path.length);
      const path = claim.path.map((hash, i) => (i === at ? withFlippedBit(hash, bit) : hash));
      expect(path.length > 0 && (await verifyConsistency({ ...claim, path }))).toBe(false);
      expect(await verifyConsistency({ ...claim, path: [...claim.path, newRoot] })).toBe(false);
    }),
    { numRuns: 60 },
  );
});

test("a log that rewrites an old leaf cannot prove consistency with its past", async () => {
  await fc.assert(
    fc.asyncProperty(twoSizes(), fc.nat(), fc.nat(255), async ({ oldSize, newSize }, leaf, bit) => {
      fc.pre(oldSize > 0);
      const hashes = someHashes(newSize);
      const at = leaf % oldSize;
      const rewritten = withItem(hashes, at, withFlippedBit(hashes[at] ?? new Uint8Array(32), bit));
      const path = await consistencyPath(oldSize, rewritten);
      const oldRoot = await treeRoot(hashes.slice(0, oldSize));
      expect(await verifyConsistency({ oldSize, oldRoot, newSize, newRoot: await treeRoot(rewritten), path })).toBe(false);
    }),
    { numRuns: 40 },
  );
});
