import { describe, expect, test } from "vitest";
import { fromBase64, toBase64 } from "../encoding/base64.ts";
import { fromHex, toHex } from "../encoding/hex.ts";
import { toUtf8 } from "../encoding/utf8.ts";
import { emptyRoot, leafHash, nodeHash, sha256 } from "./hash.ts";
import { consistencyPath, inclusionPath, treeRoot, verifyConsistency, verifyInclusion } from "./merkle.ts";
import { leafHashes, weirTestLeaves } from "./some-leaves.ts";

const bytesOf = (hex: string) => fromHex(hex) ?? new Uint8Array();
const hashOf = (base64: string) => fromBase64(base64) ?? new Uint8Array();

// The reference tree of Certificate Transparency: eight leaves, and the root after each.
const LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map(bytesOf);
const ROOTS = [
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
const NODE_0_4 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7";
const NODE_6_8 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";

describe("hashes", () => {
  test("the empty root is the hash of nothing", async () => {
    expect(toHex(emptyRoot())).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect(await sha256(new Uint8Array())).toEqual(emptyRoot());
    expect(await treeRoot([])).toEqual(emptyRoot());
  });

  test("leaves and nodes are hashed as RFC 6962 has it", async () => {
    expect(toHex(await leafHash(new Uint8Array()))).toBe(ROOTS[0]);
    expect(toHex(await leafHash(toUtf8("L123456")))).toBe("395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
    expect(toHex(await nodeHash(toUtf8("N123"), toUtf8("N456")))).toBe("aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb");
  });
});

describe("trees", () => {
  test("the reference tree has its published roots at each size", async () => {
    const hashes = await leafHashes(LEAVES);
    const roots = await Promise.all(ROOTS.map((_, i) => treeRoot(hashes.slice(0, i + 1))));
    expect(roots.map(toHex)).toEqual(ROOTS);
  });

  test("the reference tree has its published inclusion path", async () => {
    const path = await inclusionPath(5, await leafHashes(LEAVES));
    expect(path.map(toHex)).toEqual(["bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b", NODE_6_8, NODE_0_4]);
  });

  test("the reference tree has its published consistency path", async () => {
    const path = await consistencyPath(6, await leafHashes(LEAVES));
    expect(path.map(toHex)).toEqual(["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a", NODE_6_8, NODE_0_4]);
  });

  test("a log of 300 leaves has the roots that other verifiers found", async () => {
    const hashes = await leafHashes(await weirTestLeaves(300));
    expect(toBase64(await treeRoot(hashes))).toBe("7PPiEPwvmG9W7ZorXcv9JZrd2sVPpF1bLmIrbA2zAi0=");
    expect(toBase64(await treeRoot(hashes.slice(0, 257)))).toBe("X8IU9So3+XArmEmCS4TYkLUCQrhRVSP0SKB0Mnoy1lI=");
  });

  test("an index outside the tree, a shrinking tree and a hash of 31 bytes are bugs of the caller", async () => {
    const hashes = await leafHashes(LEAVES);
    expect(() => inclusionPath(8, hashes)).toThrow(RangeError);
    expect(() => inclusionPath(-1, hashes)).toThrow(RangeError);
    expect(() => inclusionPath(0.5, hashes)).toThrow(RangeError);
    expect(() => consistencyPath(9, hashes)).toThrow(RangeError);
    await expect(treeRoot([new Uint8Array(31)])).rejects.toThrow(RangeError);
  });
});

describe("claims of strangers", () => {
  const root = bytesOf(ROOTS[7] ?? "");
  const leaf = bytesOf(ROOTS[0] ?? "");

  test.each([
    ["an index outside the tree", { index: 8 }],
    ["a negative index", { index: -1 }],
    ["a fraction for an index", { index: 0.5 }],
    ["a size beyond 2^53", { size: 2 ** 60 }],
    ["an empty tree", { size: 0 }],
    ["a leaf hash of 31 bytes", { leafHash: new Uint8Array(31) }],
    ["an empty root", { root: new Uint8Array() }],
    ["a path of the wrong hashes", { path: [root, root, root] }],
    ["a path hash of 33 bytes", { path: [new Uint8Array(33), root, root] }],
    ["a path that is too short", { path: [] }],
    ["a path that is too long", { path: Array.from({ length: 64 }, () => root) }],
  ])("%s does not verify", async (_, change) => {
    const path = await inclusionPath(0, await leafHashes(LEAVES));
    const claim = { index: 0, size: 8, leafHash: leaf, path, root };
    expect(await verifyInclusion(claim)).toBe(true);
    expect(await verifyInclusion({ ...claim, ...change })).toBe(false);
  });

  test("any tree extends the empty tree, with an empty path and the empty root only", async () => {
    const claim = { oldSize: 0, oldRoot: emptyRoot(), newSize: 8, newRoot: root, path: [] };
    expect(await verifyConsistency(claim)).toBe(true);
    expect(await verifyConsistency({ ...claim, path: [root] })).toBe(false);
    expect(await verifyConsistency({ ...claim, oldRoot: root })).toBe(false);
    expect(await verifyConsistency({ ...claim, newSize: 0 })).toBe(false);
    expect(await verifyConsistency({ ...claim, newSize: 0, newRoot: emptyRoot() })).toBe(true);
    expect(await verifyConsistency({ ...claim, newSize: 0, oldRoot: root })).toBe(false);
  });

  test("two trees of one size agree when their roots do, with an empty path only", async () => {
    const claim = { oldSize: 8, oldRoot: root, newSize: 8, newRoot: root, path: [] };
    expect(await verifyConsistency(claim)).toBe(true);
    expect(await verifyConsistency({ ...claim, path: [root] })).toBe(false);
    expect(await verifyConsistency({ ...claim, newRoot: leaf })).toBe(false);
  });

  test("a shrinking tree, an empty path and a hash of 31 bytes do not verify", async () => {
    const path = await consistencyPath(4, await leafHashes(LEAVES));
    const claim = { oldSize: 4, oldRoot: bytesOf(NODE_0_4), newSize: 8, newRoot: root, path };
    expect(await verifyConsistency(claim)).toBe(true);
    expect(await verifyConsistency({ ...claim, oldSize: 8, newSize: 4 })).toBe(false);
    expect(await verifyConsistency({ ...claim, path: [] })).toBe(false);
    expect(await verifyConsistency({ ...claim, oldSize: 3, path: [] })).toBe(false);
    expect(await verifyConsistency({ ...claim, path: [new Uint8Array(31)] })).toBe(false);
    expect(await verifyConsistency({ ...claim, oldSize: Number.NaN })).toBe(false);
  });

  test("the witness dialogue's proof from 1 to 3 verifies, and altered does not", async () => {
    const claim = {
      oldSize: 1,
      oldRoot: hashOf("KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
      newSize: 3,
      newRoot: hashOf("RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0="),
      path: ["KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="].map(hashOf),
    };
    expect(await verifyConsistency(claim)).toBe(true);
    expect(await verifyConsistency({ ...claim, path: claim.path.toReversed() })).toBe(false);
  });
});
