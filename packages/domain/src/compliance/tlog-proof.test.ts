import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { toBase64 } from "../encoding/base64.ts";
import { toUtf8 } from "../encoding/utf8.ts";
import { signCheckpoint } from "./checkpoint.ts";
import { inclusionPath, treeRoot } from "./merkle.ts";
import { noteSigner } from "./note.ts";
import { leafHashes, someHashes, weirTestLeaves } from "./some-leaves.ts";
import { formatTlogProof, parseTlogProof, trustInKey, verifyTlogProof } from "./tlog-proof.ts";

const ORIGIN = "weir.test/audit/t1";
const VKEY = "weir.test/audit/t1+bcf861b0+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
const INDEX = 271;

let leaf: Uint8Array;
let otherLeaf: Uint8Array;
let proof: string;
beforeAll(async () => {
  const leaves = await weirTestLeaves(300);
  const hashes = await leafHashes(leaves);
  const signer = await noteSigner(ORIGIN, new Uint8Array(32).fill(0x07));
  const checkpoint = await signCheckpoint({ origin: ORIGIN, size: 300, root: await treeRoot(hashes) }, [signer]);
  [leaf = new Uint8Array(), otherLeaf = new Uint8Array()] = leaves.slice(INDEX);
  proof = formatTlogProof({ index: INDEX, path: await inclusionPath(INDEX, hashes), checkpoint });
});

describe("a proof verified offline", () => {
  test("holds for its leaf", async () => {
    expect(await verifyTlogProof(leaf, proof, VKEY)).toMatchObject({ ok: true, index: INDEX, checkpoint: { origin: ORIGIN, size: 300 } });
  });

  test("does not hold for another leaf", async () => {
    expect(await verifyTlogProof(otherLeaf, proof, VKEY)).toEqual({ ok: false, reason: "not_included" });
    expect(await verifyTlogProof(Uint8Array.of(...leaf, 0x20), proof, VKEY)).toEqual({ ok: false, reason: "not_included" });
  });

  test("editing any character breaks it: index, size, path, root, signature", async () => {
    const characters = proof.split("");
    for (const [i, character] of characters.entries()) {
      const edited = characters.with(i, character === "1" ? "2" : "1").join("");
      expect(await verifyTlogProof(leaf, edited, VKEY), `character ${i}`).toMatchObject({ ok: false });
    }
  });

  test("dropping any line breaks it", async () => {
    const lines = proof.split("\n");
    for (const i of lines.keys()) {
      expect(await verifyTlogProof(leaf, lines.toSpliced(i, 1).join("\n"), VKEY), `line ${i}`).toMatchObject({ ok: false });
    }
  });

  test("a smaller or larger index breaks it", async () => {
    for (const index of [0, INDEX - 1, INDEX + 1, 300]) {
      expect(await verifyTlogProof(leaf, proof.replace(`index ${INDEX}`, `index ${index}`), VKEY)).toEqual({
        ok: false,
        reason: "not_included",
      });
    }
  });

  test("does not hold with the key of another log", async () => {
    const other = await noteSigner("weir.test/audit/t2", new Uint8Array(32).fill(0x08));
    expect(await verifyTlogProof(leaf, proof, other.vkey)).toEqual({ ok: false, reason: "log_signature_missing" });
    expect(await verifyTlogProof(leaf, proof, "not a key")).toEqual({ ok: false, reason: "unusable_key" });
  });

  test("does not hold for a log of another origin, nor without the witnesses asked for", async () => {
    const trust = await trustInKey(VKEY);
    if (trust === undefined) throw new Error("the key is not read");
    expect(await verifyTlogProof(leaf, proof, { ...trust, origin: "weir.test/audit/t2" })).toEqual({ ok: false, reason: "wrong_origin" });
    expect(await verifyTlogProof(leaf, proof, { ...trust, quorum: 1 })).toEqual({ ok: false, reason: "quorum_missing" });
  });

  test("extra data changes nothing, as nothing vouches for it", async () => {
    const parsed = parseTlogProof(proof);
    const withExtra = parsed && formatTlogProof({ ...parsed, extra: toUtf8("age") });
    expect(withExtra).toContain("\nextra YWdl\nindex 271\n");
    expect(await verifyTlogProof(leaf, withExtra ?? "", VKEY)).toMatchObject({ ok: true });
    expect(parseTlogProof(withExtra ?? "")?.extra).toEqual(toUtf8("age"));
  });
});

describe("the text of a proof", () => {
  const hash = toBase64(new Uint8Array(32));
  const head = "c2sp.org/tlog-proof@v1\n";

  test("is the published one", () => {
    const [, one = new Uint8Array(32)] = someHashes(2);
    expect(formatTlogProof({ index: 5, path: [one], checkpoint: "test checkpoint\n" })).toBe(
      `${head}index 5\n${toBase64(one)}\n\ntest checkpoint\n`,
    );
    expect(formatTlogProof({ index: 0, path: [], checkpoint: "checkpoint\n" })).toBe(`${head}index 0\n\ncheckpoint\n`);
  });

  test("comes back", () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.nat(63), fc.uint8Array({ minLength: 1, maxLength: 40 }), (index, count, extra) => {
        const value = { index, path: someHashes(count), checkpoint: "o\n1\nr\n\n— n s\n", extra };
        expect(parseTlogProof(formatTlogProof(value))).toEqual(value);
      }),
    );
  });

  test("any text at all is read or refused, never an error", () => {
    const part = fc.constantFrom(head, "extra ", "index ", "0", "7", "\n", hash, "YWdl", "=", "x");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const text = parts.join("");
        const parsed = parseTlogProof(text);
        expect(parsed === undefined ? text : formatTlogProof(parsed)).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ["another header", `wrong-header\nindex 0\n\ncheckpoint\n`],
    ["extra that is not base64", `${head}extra !!\nindex 0\n\ncheckpoint\n`],
    ["empty extra", `${head}extra \nindex 0\n\ncheckpoint\n`],
    ["extra twice", `${head}extra YWdl\nextra YWdl\nindex 0\n\ncheckpoint\n`],
    ["extra behind the index", `${head}index 0\nextra YWdl\n\ncheckpoint\n`],
    ["no index", `${head}\n\ncheckpoint\n`],
    ["a word for an index", `${head}index zero\n\ncheckpoint\n`],
    ["a negative index", `${head}index -5\n\ncheckpoint\n`],
    ["a zero in front of the index", `${head}index 05\n\ncheckpoint\n`],
    ["an index beyond 2^53", `${head}index 9007199254740992\n\ncheckpoint\n`],
    ["a hash that is not base64", `${head}index 0\n!!\n\ncheckpoint\n`],
    ["a hash of 64 bytes", `${head}index 0\n${toBase64(new Uint8Array(64))}\n\ncheckpoint\n`],
    ["64 hashes", `${head}index 0\n${`${hash}\n`.repeat(64)}\ncheckpoint\n`],
    ["carriage returns", `${head}index 0\r\n\r\ncheckpoint\r\n`],
    ["no checkpoint", `${head}index 0\n\n`],
    ["too many bytes", `${head}index 0\n\n${"x".repeat(400_000)}\n`],
    ["nothing", ""],
  ])("with %s is refused", (_, text) => {
    expect(parseTlogProof(text)).toBeUndefined();
  });
});
