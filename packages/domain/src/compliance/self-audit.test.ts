import { describe, expect, test } from "vitest";
import { toUtf8 } from "../encoding/utf8.ts";
import { signCheckpoint } from "./checkpoint.ts";
import { appendEntries } from "./entry-bundle.ts";
import { appendAll, memoryTiles } from "./memory-tiles.ts";
import { noteSigner } from "./note.ts";
import { auditLog } from "./self-audit.ts";
import { leafHashes, someLeaves, withFlippedBit } from "./some-leaves.ts";
import { bundlePath } from "./tile-path.ts";

async function aLog(size: number) {
  const leaves = someLeaves(size);
  const tiles = memoryTiles();
  const { root } = await appendAll(tiles, [await leafHashes(leaves)]);
  const signer = await noteSigner("weir.test/audit/t1", new Uint8Array(32).fill(7));
  const files = new Map(tiles.stored);
  for (const bundle of appendEntries(0, undefined, leaves)) files.set(bundlePath(bundle), bundle.bytes);
  files.set("/checkpoint", toUtf8(await signCheckpoint({ origin: signer.name, size, root }, [signer])));
  return { files, vkey: signer.vkey, audit: () => auditLog(async (path) => files.get(path), signer.vkey) };
}

describe("an audit of a whole log", () => {
  test.each([0, 1, 255, 256, 257, 70_000])("finds nothing in a sound log of %i leaves", async (size) => {
    const { audit } = await aLog(size);
    expect(await audit()).toMatchObject({ ok: true, checkpoint: { size } });
  });

  test("finds each file that is altered anywhere, cut short or gone", async () => {
    const { files, audit } = await aLog(600);
    const originals = new Map(files);
    for (const [path, bytes] of originals) {
      for (const altered of [withFlippedBit(bytes, 0), withFlippedBit(bytes, bytes.length * 8 - 9), bytes.slice(0, -1), undefined]) {
        if (altered) files.set(path, altered);
        else files.delete(path);
        expect([path, await audit()]).toMatchObject([path, { ok: false }]);
      }
      files.set(path, bytes);
    }
    expect(await audit()).toMatchObject({ ok: true });
  });

  test("names the first leaf that is not what was logged, though every tile and the checkpoint are sound", async () => {
    const { files, audit } = await aLog(600);
    const leaves = someLeaves(600).map((leaf, i) => (i === 300 || i === 310 ? toUtf8("leaf X") : leaf));
    for (const bundle of appendEntries(0, undefined, leaves)) files.set(bundlePath(bundle), bundle.bytes);
    expect(await audit()).toEqual({ ok: false, reason: "entry_differs", path: "/tile/entries/001", leaf: 300 });
  });

  test("refuses a checkpoint of another key, and of another tree", async () => {
    const { files, vkey } = await aLog(3);
    const other = await noteSigner("weir.test/audit/t1", new Uint8Array(32).fill(8));
    const read = async (path: string) => files.get(path);
    expect(await auditLog(read, other.vkey)).toMatchObject({ ok: false, reason: "log_signature_missing" });
    expect(await auditLog(read, "no key")).toMatchObject({ ok: false, reason: "unusable_key" });
    const signer = await noteSigner("weir.test/audit/t1", new Uint8Array(32).fill(7));
    files.set("/checkpoint", toUtf8(await signCheckpoint({ origin: signer.name, size: 3, root: new Uint8Array(32) }, [signer])));
    expect(await auditLog(read, vkey)).toMatchObject({ ok: false, reason: "root_differs" });
  });
});
