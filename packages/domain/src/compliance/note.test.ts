import { describe, expect, test } from "vitest";
import { fromBase64 } from "../encoding/base64.ts";
import { toUtf8 } from "../encoding/utf8.ts";
import { keyPairFromSeed } from "./ed25519.ts";
import {
  cosigner,
  formatNote,
  noteSigner,
  noteSignerFromKey,
  noteVerifier,
  openNote,
  parseNote,
  signNote,
  type NoteVerifier,
} from "./note.ts";
import { formatVerifierKey } from "./note-key.ts";

async function verifiers(...vkeys: readonly string[]): Promise<NoteVerifier[]> {
  const found = await Promise.all(vkeys.map(noteVerifier));
  return found.filter((verifier) => verifier !== undefined);
}

const FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const FOO_LINE = "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
const FOO_NOTE = `This is an example message.\n\n${FOO_LINE}`;

const PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const RIDDLE = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const PETER_LINE = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH_LINE = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";
const TWO_KEY_NOTE = `${RIDDLE}\n${PETER_LINE}${ENOCH_LINE}`;

describe("published notes", () => {
  test("the specification's example opens with its key", async () => {
    const opened = await openNote(FOO_NOTE, await verifiers(FOO));
    expect(opened).toMatchObject({
      ok: true,
      text: "This is an example message.\n",
      verified: [{ name: "example.com/foo", keyId: "530d903a" }],
    });
    expect(await openNote(toUtf8(FOO_NOTE), await verifiers(FOO))).toEqual(opened);
  });

  test("a note of two keys opens with both, and with either", async () => {
    const both = await openNote(TWO_KEY_NOTE, await verifiers(PETER, ENOCH));
    expect(both).toMatchObject({ ok: true, text: RIDDLE, verified: [{ name: "PeterNeumann" }, { name: "EnochRoot" }] });
    expect(await openNote(TWO_KEY_NOTE, await verifiers(ENOCH))).toMatchObject({ ok: true, verified: [{ name: "EnochRoot" }] });
  });

  test("a note comes back from its parts", () => {
    const note = parseNote(TWO_KEY_NOTE);
    expect(note && formatNote(note)).toBe(TWO_KEY_NOTE);
  });
});

describe("opening a note", () => {
  test("editing any character of the text or of the signature refuses the note", async () => {
    const known = await verifiers(FOO);
    const characters = FOO_NOTE.split("");
    for (const [i, character] of characters.entries()) {
      const edited = characters.with(i, character === "A" ? "B" : "A").join("");
      expect(await openNote(edited, known), `character ${i}`).toMatchObject({ ok: false });
    }
  });

  test("one bad signature of a known key refuses the note, before or after a good one", async () => {
    const known = await verifiers(PETER, ENOCH);
    const bad = PETER_LINE.replace("x08go/Z", "x08go/Y");
    for (const lines of [bad + PETER_LINE, PETER_LINE + bad, ENOCH_LINE + bad]) {
      expect(await openNote(`${RIDDLE}\n${lines}`, known)).toEqual({ ok: false, reason: "bad_signature" });
    }
  });

  test("signatures of unknown keys are ignored, even with a known name or a known id", async () => {
    const sameName = PETER_LINE.replace("x08go/Z", "x18go/Z");
    const sameId = PETER_LINE.replace("PeterNeumann", "PeterNewmann");
    const opened = await openNote(`${RIDDLE}\n${sameName}${sameId}${PETER_LINE}`, await verifiers(PETER));
    expect(opened).toMatchObject({ ok: true, verified: [{ name: "PeterNeumann", keyId: "c74f20a3" }] });
    expect(await openNote(`${RIDDLE}\n${sameName}${sameId}`, await verifiers(PETER))).toEqual({ ok: false, reason: "no_known_signature" });
  });

  test("a repeated good signature counts once", async () => {
    const opened = await openNote(`${RIDDLE}\n${PETER_LINE}${PETER_LINE}`, await verifiers(PETER));
    expect(opened.ok && opened.verified).toHaveLength(1);
  });

  test("nobody's signature verifies without a known key", async () => {
    expect(await openNote(FOO_NOTE, [])).toEqual({ ok: false, reason: "no_known_signature" });
  });

  test("the text may have blank lines: the last one separates", async () => {
    const signer = await noteSigner("weir.test/n", new Uint8Array(32).fill(1));
    const text = "first\n\nsecond\n\n— not a signature\n";
    const opened = await openNote(await signNote(text, [signer]), await verifiers(signer.vkey));
    expect(opened).toMatchObject({ ok: true, text });
  });

  test("a text that is only a newline can be signed", async () => {
    const signer = await noteSigner("weir.test/n", new Uint8Array(32).fill(1));
    expect(await openNote(await signNote("\n", [signer]), await verifiers(signer.vkey))).toMatchObject({ ok: true, text: "\n" });
  });
});

describe("the format's limits", () => {
  test.each([
    ["no signature", "text\n\n"],
    ["no blank line", `text\n${FOO_LINE}`],
    ["no last newline", FOO_NOTE.slice(0, -1)],
    ["a signature after something else", `text\n\nhello\n${FOO_LINE}`],
    ["a hyphen for the dash", FOO_NOTE.replace("—", "-")],
    ["a second space", FOO_NOTE.replace("foo ", "foo  ")],
    ["something behind a signature", FOO_NOTE.replace("=\n", "= x\n")],
    ["no name", `text\n\n—  ${FOO_LINE.split(" ")[2]}`],
    ["a plus in the name", FOO_NOTE.replace("/foo", "+foo")],
    ["a signature of four bytes", "text\n\n— example.com/foo Uw2QOg==\n"],
    ["a tab", FOO_NOTE.replace("This ", "This\t")],
    ["a carriage return", FOO_NOTE.replace(".\n", ".\r\n")],
    ["a nul", `\u0000${FOO_NOTE}`],
    ["a lone surrogate", `\ud800${FOO_NOTE}`],
    ["65 signatures", `text\n\n${FOO_LINE.repeat(65)}`],
    ["too many bytes", `${"x".repeat(262_144)}${FOO_NOTE}`],
    ["nothing", ""],
  ])("a note with %s is malformed", async (_, note) => {
    expect(parseNote(note)).toBeUndefined();
    expect(await openNote(note, await verifiers(FOO))).toEqual({ ok: false, reason: "malformed_note" });
  });

  test("bytes that are not UTF-8 are malformed", () => {
    expect(parseNote(Uint8Array.of(0xff, ...toUtf8(FOO_NOTE)))).toBeUndefined();
  });

  test("a byte order mark is part of the text, not dropped", () => {
    expect(parseNote(toUtf8(`\ufeff${FOO_NOTE}`))?.text).toBe("\ufeffThis is an example message.\n");
  });

  test("64 signatures are read", () => {
    expect(parseNote(`text\n\n${FOO_LINE.repeat(64)}`)?.signatures).toHaveLength(64);
  });
});

describe("signing", () => {
  test("the same seed and text give the same note, by seed, by key pair and by key text", async () => {
    const key = "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg";
    const seed = fromBase64("AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg")?.slice(1) ?? new Uint8Array();
    const name = "example.com/log/testdata";
    const signers = [await noteSignerFromKey(key), await noteSigner(name, seed), await noteSigner(name, await keyPairFromSeed(seed))];
    const notes = await Promise.all(signers.map((signer) => signNote("text\n", signer ? [signer] : [])));
    expect(new Set(notes).size).toBe(1);
    expect(signers[0]?.vkey).toBe("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx");
  });

  test("the private key of a seed cannot be exported", async () => {
    const { privateKey } = await keyPairFromSeed(new Uint8Array(32));
    expect(privateKey.extractable).toBe(false);
  });

  test("a text without a last newline, with a control character or a lone surrogate is not signed", async () => {
    await expect(signNote("text", [])).rejects.toThrow(RangeError);
    await expect(signNote("te\txt\n", [])).rejects.toThrow(RangeError);
    await expect(signNote("\ud800\n", [])).rejects.toThrow(RangeError);
  });

  test("a name that no key can have, and a short seed, are refused", async () => {
    await expect(noteSigner("a b", new Uint8Array(32))).rejects.toThrow(RangeError);
    await expect(noteSigner("a", new Uint8Array(31))).rejects.toThrow(RangeError);
  });

  test("a log's signature does not pass for a witness's, nor the other way", async () => {
    const seed = new Uint8Array(32).fill(3);
    const log = await noteSigner("weir.test/n", seed);
    const witness = await cosigner("weir.test/n", seed, 1);
    expect(log.keyId).not.toBe(witness.keyId);
    const [witnessKey] = await verifiers(witness.vkey);
    expect(await witnessKey?.verify(toUtf8("text\n"), await log.sign(toUtf8("text\n")))).toBe(false);
    expect(await witnessKey?.verify(toUtf8("text\n"), await witness.sign(toUtf8("text\n")))).toBe(true);
    expect(await witnessKey?.verify(toUtf8("other\n"), await witness.sign(toUtf8("text\n")))).toBe(false);
  });

  test("a key of another type, or of another length, verifies nothing", async () => {
    expect(await noteVerifier(await formatVerifierKey("a", 0x06, new Uint8Array(32)))).toBeUndefined();
    expect(await noteVerifier(await formatVerifierKey("a", 0x01, new Uint8Array(31)))).toBeUndefined();
  });
});
