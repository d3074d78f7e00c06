import { describe, expect, test } from "vitest";
import { fromBase64, toBase64 } from "../encoding/base64.ts";
import { toHex } from "../encoding/hex.ts";
import { toUtf8 } from "../encoding/utf8.ts";
import { formatCheckpoint, openCheckpoint, parseCheckpoint, signCheckpoint, type CheckpointTrust } from "./checkpoint.ts";
import { decodeCosignature } from "./cosignature.ts";
import { emptyRoot, sha256 } from "./hash.ts";
import { treeRoot } from "./merkle.ts";
import {
  cosigner,
  formatNote,
  formatSignatures,
  noteSigner,
  noteSignerFromKey,
  noteVerifier,
  parseNote,
  parseSignatures,
  signatureBy,
  signNote,
  type NoteSigner,
  type NoteVerifier,
} from "./note.ts";
import { leafHashes, weirTestLeaves } from "./some-leaves.ts";

const hashOf = (base64: string) => fromBase64(base64) ?? new Uint8Array();

async function verifierOf(vkey: string): Promise<NoteVerifier> {
  const verifier = await noteVerifier(vkey);
  if (verifier === undefined) throw new Error(`${vkey} is no verifier key`);
  return verifier;
}

const GOLDEN_ORIGIN = "example.com/log/testdata";
const GOLDEN_WORDS = "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten".split(" ").map(toUtf8);

async function goldenSigner(): Promise<NoteSigner> {
  const signer = await noteSignerFromKey("PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg");
  if (signer === undefined) throw new Error("the golden key is not read");
  return signer;
}

async function goldenCheckpoint(size: number): Promise<string> {
  const root = await treeRoot(await leafHashes(GOLDEN_WORDS.slice(0, size)));
  return signCheckpoint({ origin: GOLDEN_ORIGIN, size, root }, [await goldenSigner()]);
}

describe("golden checkpoints", () => {
  test.each([
    [1, "0Nc2CrefWKseHj/mStd+LqC8B+NrX0btIiPt2SmN+ek="],
    [3, "Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk="],
    [15, "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs="],
  ])("the golden log of %d leaves has its published root", async (size, root) => {
    expect(toBase64(await treeRoot(await leafHashes(GOLDEN_WORDS.slice(0, size))))).toBe(root);
  });

  test("signing the golden log again gives the published checkpoint, byte for byte", async () => {
    expect(await goldenCheckpoint(3)).toBe(
      `${GOLDEN_ORIGIN}\n3\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=\n\n` +
        "— example.com/log/testdata M9e0lvAQRtH832pk2RTbeSeZMkp4FZSdJYFBUjO5SKxuRbywPUF3cx+HUrb50kjd3rUWW/fj53Wj1dwcwh9bGQnqVAg=\n",
    );
  });

  test("all sixteen golden checkpoints come out byte for byte", async () => {
    const all = await Promise.all(Array.from({ length: 16 }, (_, size) => goldenCheckpoint(size)));
    expect(all[0]).toContain("\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
    // SHA-256 of the published files checkpoint.0 to checkpoint.15, one after another.
    expect(toHex(await sha256(toUtf8(all.join(""))))).toBe("c366c82fdd7c77311b8141fbd3769670884dba48445f343867c348455de269fd");
  });

  test("a live checkpoint opens whose key name is not its origin", async () => {
    const note =
      "go.sum database tree\n35225469\nvt5T6GaLCXvyHFl9VUvvItR43XZxfLgftEcTyO3eJCQ=\n\n" +
      "— sum.golang.org Az3grpukl5AXaVfYkLiDGORx/DN2nlcS5kZHR5uYOBV2KA2HgXpD+gu9HHONebHLAyaKbbTM75QTtPydhKCExixSfwQ=\n";
    const log = [await verifierOf("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")];
    const opened = await openCheckpoint(note, { origin: "go.sum database tree", log });
    expect(opened).toMatchObject({ ok: true, checkpoint: { origin: "go.sum database tree", size: 35_225_469 } });
    expect(await openCheckpoint(note, { origin: "sum.golang.org", log })).toEqual({ ok: false, reason: "wrong_origin" });
  });
});

describe("a checkpoint with a witness", () => {
  const origin = "weir.test/audit/t1";
  const logKey = "weir.test/audit/t1+bcf861b0+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
  const witnessKey = "witness.test/w1+78596eae+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY";
  const text = "weir.test/audit/t1\n300\n7PPiEPwvmG9W7ZorXcv9JZrd2sVPpF1bLmIrbA2zAi0=\n";
  const logLine = "— weir.test/audit/t1 vPhhsCU4vzqUx/k3GQ0w7LtLc6wWg6/DLxv4muTXlzqilZXuOMSNbKmrSYKSnIwcUsvJ02RMELqEGXXuCttq1nOHBg4=\n";
  const witnessLine =
    "— witness.test/w1 eFlurgAAAABqsTuA2j5TiHI7ykToZfg8S64kS8F45hEfE9M4QftZcg/lwMqmu53t/6bAqoBYHPnzpPmpsryEGUsdghJ95yzQss/DAg==\n";
  const trust = async (quorum: number): Promise<CheckpointTrust> => ({
    origin,
    log: [await verifierOf(logKey)],
    witnesses: [await verifierOf(witnessKey)],
    quorum,
  });

  test("log and witness sign it byte for byte as other implementations do", async () => {
    const root = await treeRoot(await leafHashes(await weirTestLeaves(300)));
    const log = await noteSigner(origin, new Uint8Array(32).fill(0x07));
    const witness = await cosigner("witness.test/w1", new Uint8Array(32).fill(0x09), 1_790_000_000);
    expect(log.vkey).toBe(logKey);
    expect(witness.vkey).toBe(witnessKey);
    expect(await signCheckpoint({ origin, size: 300, root }, [log, witness])).toBe(`${text}\n${logLine}${witnessLine}`);
    expect(formatSignatures([await signatureBy(witness, text)])).toBe(witnessLine);
  });

  test("takes a witness's answer in behind its own signature", () => {
    const published = parseNote(`${text}\n${logLine}`);
    const answer = parseSignatures(witnessLine);
    const signatures = [...(published?.signatures ?? []), ...(answer ?? [])];
    expect(formatNote({ text, signatures })).toBe(`${text}\n${logLine}${witnessLine}`);
    expect(parseSignatures(`${witnessLine}x`)).toBeUndefined();
    expect(parseSignatures("")).toBeUndefined();
  });

  test("opens, and tells when the witness saw it", async () => {
    const opened = await openCheckpoint(`${text}\n${logLine}${witnessLine}`, await trust(1));
    expect(opened).toMatchObject({ ok: true, checkpoint: { origin, size: 300 }, cosignatures: [{ name: "witness.test/w1" }] });
    const times = opened.ok ? opened.cosignatures.map(({ signature }) => decodeCosignature(signature)?.timeSeconds) : [];
    expect(times).toEqual([1_790_000_000]);
  });

  test("is refused without enough witnesses", async () => {
    expect(await openCheckpoint(`${text}\n${logLine}`, await trust(1))).toEqual({ ok: false, reason: "quorum_missing" });
    expect(await openCheckpoint(`${text}\n${logLine}`, await trust(0))).toMatchObject({ ok: true, cosignatures: [] });
  });

  test("is refused with the witness alone: it cannot speak for the log", async () => {
    expect(await openCheckpoint(`${text}\n${witnessLine}`, await trust(1))).toEqual({ ok: false, reason: "log_signature_missing" });
  });

  test("is refused when the witness's time was edited", async () => {
    const edited = witnessLine.replace("AABqsTuA", "AABqsTuB");
    expect(await openCheckpoint(`${text}\n${logLine}${edited}`, await trust(1))).toEqual({ ok: false, reason: "bad_signature" });
  });

  test("one witness with two keys is one witness", async () => {
    const seeds = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const witnesses = await Promise.all(seeds.map((seed) => cosigner("witness.test/w2", seed, 1)));
    const log = await noteSigner(origin, new Uint8Array(32).fill(7));
    const note = await signCheckpoint({ origin, size: 0, root: emptyRoot() }, [log, ...witnesses]);
    const known = await Promise.all(witnesses.map(({ vkey }) => verifierOf(vkey)));
    const opened = await openCheckpoint(note, { origin, log: [await verifierOf(log.vkey)], witnesses: known, quorum: 2 });
    expect(opened).toEqual({ ok: false, reason: "quorum_missing" });
  });

  test("is refused when it is signed and is no checkpoint", async () => {
    const log = await noteSigner(origin, new Uint8Array(32).fill(7));
    const opened = await openCheckpoint(await signNote(`${origin}\n01\n`, [log]), { origin, log: [await verifierOf(log.vkey)] });
    expect(opened).toEqual({ ok: false, reason: "malformed_checkpoint" });
  });
});

describe("the text of a checkpoint", () => {
  const root = "vt5T6GaLCXvyHFl9VUvvItR43XZxfLgftEcTyO3eJCQ=";

  test("comes back, with extension lines and without", () => {
    for (const text of [`a log\n7\n${root}\n`, `a log\n7\n${root}\none\ntwo\n`, `l\n9007199254740991\n${root}\n`]) {
      const checkpoint = parseCheckpoint(text);
      expect(checkpoint && formatCheckpoint(checkpoint)).toBe(text);
    }
    expect(parseCheckpoint(`a log\n7\n${root}\none\n`)?.extensions).toEqual(["one"]);
  });

  test.each([
    ["a zero in front of the size", `l\n07\n${root}\n`],
    ["a sign", `l\n+7\n${root}\n`],
    ["a size beyond 2^53", `l\n9007199254740992\n${root}\n`],
    ["no origin", `\n7\n${root}\n`],
    ["no root", "l\n7\n"],
    ["a root of 31 bytes", `l\n7\n${toBase64(new Uint8Array(31))}\n`],
    ["a root without padding", `l\n7\n${root.slice(0, -1)}\n`],
    ["an empty extension line", `l\n7\n${root}\n\n`],
    ["no last newline", `l\n7\n${root}`],
    ["leaves but no size", `l\n0\n${root}\n`],
    ["nothing", ""],
  ])("with %s is refused", (_, text) => {
    expect(parseCheckpoint(text)).toBeUndefined();
  });

  test.each([
    { origin: "", size: 1, root: hashOf(root) },
    { origin: "a\nb", size: 1, root: hashOf(root) },
    { origin: "a", size: -1, root: hashOf(root) },
    { origin: "a", size: 1.5, root: hashOf(root) },
    { origin: "a", size: 1, root: new Uint8Array(31) },
    { origin: "a", size: 1, root: hashOf(root), extensions: [""] },
  ])("%j is not signed", (checkpoint) => {
    expect(() => formatCheckpoint(checkpoint)).toThrow(RangeError);
  });
});
