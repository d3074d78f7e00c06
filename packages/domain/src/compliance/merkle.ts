import { equalBytes } from "../encoding/bytes.ts";
import { emptyRoot, HASH_BYTES, nodeHash } from "./hash.ts";

// Sizes and indexes are whole numbers up to 2^53 - 1. Shifts would cut them to 32 bits, so halving is a division.

/** Leaves from `start` up to, not including, `end`. In a tree of RFC 6962 it names a node. */
export interface LeafRange {
  start: number;
  end: number;
}

export interface InclusionClaim {
  /** Position of the leaf, from 0. */
  index: number;
  /** Leaves in the tree. */
  size: number;
  /** Hash of the leaf, 32 bytes: `leafHash(leaf)`. */
  leafHash: Uint8Array;
  /** Sibling hashes from the leaf up to the root's child. */
  path: readonly Uint8Array[];
  /** Root of the tree, 32 bytes. */
  root: Uint8Array;
}

export interface ConsistencyClaim {
  oldSize: number;
  oldRoot: Uint8Array;
  newSize: number;
  newRoot: Uint8Array;
  path: readonly Uint8Array[];
}

/** MTH of RFC 6962 §2.1 over leaf hashes of 32 bytes each. */
export async function treeRoot(leafHashes: readonly Uint8Array[]): Promise<Uint8Array> {
  for (const hash of leafHashes) requireHash(hash);
  let level = leafHashes;
  while (level.length > 1) level = await parents(level);
  const [root = emptyRoot()] = level;
  return root;
}

// Pairing from the left and lifting an odd last node unchanged gives the same tree as splitting at powers of two.
function parents(level: readonly Uint8Array[]): Promise<Uint8Array[]> {
  const nodes: Promise<Uint8Array>[] = [];
  let left: Uint8Array | undefined;
  for (const hash of level) {
    if (left === undefined) {
      left = hash;
      continue;
    }
    nodes.push(nodeHash(left, hash));
    left = undefined;
  }
  if (left !== undefined) nodes.push(Promise.resolve(left));
  return Promise.all(nodes);
}

/** PATH(index, D[n]) of RFC 6962 §2.1.1, leaf's sibling first. A RangeError when the index is outside the tree. */
export function inclusionPath(index: number, leafHashes: readonly Uint8Array[]): Promise<Uint8Array[]> {
  return hashRanges(inclusionRanges(index, leafHashes.length), leafHashes);
}

/** PROOF(oldSize, D[n]) of RFC 6962 §2.1.2; empty from size 0 and between equal sizes. A RangeError when oldSize > n. */
export function consistencyPath(oldSize: number, leafHashes: readonly Uint8Array[]): Promise<Uint8Array[]> {
  return hashRanges(consistencyRanges(oldSize, leafHashes.length), leafHashes);
}

function hashRanges(ranges: readonly LeafRange[], leafHashes: readonly Uint8Array[]): Promise<Uint8Array[]> {
  return Promise.all(ranges.map(({ start, end }) => treeRoot(leafHashes.slice(start, end))));
}

/** The nodes whose hashes make up an inclusion path, in its order: each sibling on the way from the leaf to the root. */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  requireSize(size);
  requireSize(index);
  if (index >= size) throw new RangeError(`leaf ${index} is outside a tree of ${size}`);
  const siblings: LeafRange[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + splitPoint(end - start);
    if (index < middle) {
      siblings.push({ start: middle, end });
      end = middle;
    } else {
      siblings.push({ start, end: middle });
      start = middle;
    }
  }
  return siblings.toReversed();
}

/** The nodes whose hashes make up a consistency path, in its order. */
export function consistencyRanges(oldSize: number, newSize: number): LeafRange[] {
  requireSize(newSize);
  requireSize(oldSize);
  if (oldSize > newSize) throw new RangeError(`a tree of ${newSize} cannot extend one of ${oldSize}`);
  if (oldSize === 0) return [];
  const nodes: LeafRange[] = [];
  let start = 0;
  let end = newSize;
  while (end !== oldSize) {
    const middle = start + splitPoint(end - start);
    if (oldSize <= middle) {
      nodes.push({ start: middle, end });
      end = middle;
    } else {
      nodes.push({ start, end: middle });
      start = middle;
    }
  }
  // A node that is the whole old tree is left out: its hash is the old root, which the verifier has.
  if (start > 0) nodes.push({ start, end });
  return nodes.toReversed();
}

/** The largest power of two below n, for n > 1: where RFC 6962 §2.1 splits a tree. */
export function splitPoint(n: number): number {
  let power = 1;
  while (power * 2 < n) power *= 2;
  return power;
}

/**
 * RFC 9162 §2.1.3.2. False, never an error, for whatever a stranger may send: hashes that are not 32 bytes, an index
 * outside the tree, a path that is too short or too long.
 *
 * A path does not bind the size by itself: leaf 0 has the same shape of path in trees of 3 and of 4. Take size and root
 * together from one checkpoint whose signature has been verified.
 */
export async function verifyInclusion({ index, size, leafHash, path, root }: InclusionClaim): Promise<boolean> {
  if (!isSize(index) || !isSize(size) || index >= size || ![leafHash, root, ...path].every(isHash)) return false;
  let node = index;
  let last = size - 1;
  let hash = leafHash;
  for (const sibling of path) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      hash = await nodeHash(sibling, hash);
      // The last node of an odd level has no sibling there: climb to where it has a left one.
      while (!isOdd(node) && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else {
      hash = await nodeHash(hash, sibling);
    }
    node = half(node);
    last = half(last);
  }
  return last === 0 && equalBytes(hash, root);
}

/**
 * RFC 9162 §2.1.4.2. False, never an error, for whatever a stranger may send.
 *
 * From size 0 there is nothing to prove: it holds with an empty path and the root of the empty tree, as C2SP
 * tlog-witness has it, and with nothing else. Between equal sizes it holds with an empty path and equal roots.
 */
export async function verifyConsistency({ oldSize, oldRoot, newSize, newRoot, path }: ConsistencyClaim): Promise<boolean> {
  if (!isSize(oldSize) || !isSize(newSize) || oldSize > newSize || ![oldRoot, newRoot, ...path].every(isHash)) return false;
  if (oldSize === newSize) {
    return path.length === 0 && equalBytes(oldRoot, newRoot) && (oldSize > 0 || equalBytes(oldRoot, emptyRoot()));
  }
  if (oldSize === 0) return path.length === 0 && equalBytes(oldRoot, emptyRoot());

  const [first, ...rest] = isPowerOfTwo(oldSize) ? [oldRoot, ...path] : path;
  // Between different sizes no path is empty, not even from a power of two.
  if (first === undefined || path.length === 0) return false;
  let node = oldSize - 1;
  let last = newSize - 1;
  while (isOdd(node)) {
    node = half(node);
    last = half(last);
  }
  let oldHash = first;
  let newHash = first;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (isOdd(node) || node === last) {
      oldHash = await nodeHash(sibling, oldHash);
      newHash = await nodeHash(sibling, newHash);
      while (!isOdd(node) && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else {
      newHash = await nodeHash(newHash, sibling);
    }
    node = half(node);
    last = half(last);
  }
  return last === 0 && equalBytes(oldHash, oldRoot) && equalBytes(newHash, newRoot);
}

/** True for a size or an index that numbers carry exactly: a whole number from 0 to 2^53 - 1. */
function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

export function requireSize(value: number): void {
  if (!isSize(value)) throw new RangeError(`${value} is not a size or an index`);
}

export function requireHash(hash: Uint8Array): void {
  if (!isHash(hash)) throw new RangeError(`a hash has ${HASH_BYTES} bytes, not ${hash.length}`);
}

function isHash(hash: Uint8Array): boolean {
  return hash.length === HASH_BYTES;
}

export function isPowerOfTwo(n: number): boolean {
  return n === 1 || (n > 1 && splitPoint(n) * 2 === n);
}

function isOdd(n: number): boolean {
  return n % 2 === 1;
}

function half(n: number): number {
  return Math.floor(n / 2);
}
