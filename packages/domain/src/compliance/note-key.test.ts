import { describe, expect, test } from "vitest";
import { toHex } from "../encoding/hex.ts";
import { formatSignerKey, formatVerifierKey, isKeyName, keyIdOf, parseSignerKey, parseVerifierKey, SIGNATURE_TYPES } from "./note-key.ts";

const FOO = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const GOLDEN_SIGNER = "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg";

describe("verifier keys", () => {
  test.each([
    FOO,
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
    "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
    "witness.test/w1+78596eae+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY",
  ])("%s is read, and written the same", async (vkey) => {
    const key = await parseVerifierKey(vkey);
    expect(key?.publicKey).toHaveLength(32);
    expect(await formatVerifierKey(key?.name ?? "", key?.type ?? 0, key?.publicKey ?? new Uint8Array())).toBe(vkey);
  });

  test("the key id binds name, type and key", async () => {
    const key = new Uint8Array(32);
    const ids = await Promise.all([keyIdOf("a", 1, key), keyIdOf("b", 1, key), keyIdOf("a", 4, key), keyIdOf("a", 1, key.fill(1))]);
    expect(new Set(ids).size).toBe(4);
  });

  test("the key of the witness dialogue's log has its published id", async () => {
    const origin = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562";
    const publicKey = Uint8Array.from("ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f".match(/../g) ?? [], (pair) =>
      Number.parseInt(pair, 16),
    );
    expect(await keyIdOf(origin, SIGNATURE_TYPES.ed25519, publicKey)).toBe("5202289b");
  });

  test.each([
    ["another id", FOO.replace("530d903a", "530d903b")],
    ["capitals in the id", FOO.replace("530d903a", "530D903A")],
    ["another name", FOO.replace("foo", "bar")],
    ["no name", FOO.replace("example.com/foo", "")],
    ["a space in the name", FOO.replace("foo", "f oo")],
    ["another key", FOO.replace("AekyeR", "AekyeS")],
    ["no key", "example.com/foo+530d903a+"],
    ["no padding where some is due", "example.com/foo+530d903a+AQ"],
    ["a newline behind", `${FOO}\n`],
    ["nothing", ""],
  ])("a key with %s is refused", async (_, vkey) => {
    expect(await parseVerifierKey(vkey)).toBeUndefined();
  });
});

describe("signer keys", () => {
  test("the golden signer key is read, and written the same", async () => {
    const key = await parseSignerKey(GOLDEN_SIGNER);
    expect(key).toMatchObject({ name: "example.com/log/testdata", keyId: "33d7b496" });
    expect(await formatSignerKey("example.com/log/testdata", key?.seed ?? new Uint8Array())).toBe(GOLDEN_SIGNER);
    expect(toHex(key?.seed ?? new Uint8Array())).toHaveLength(64);
  });

  test.each([GOLDEN_SIGNER.replace("33d7b496", "33d7b497"), GOLDEN_SIGNER.replace("PRIVATE+", ""), GOLDEN_SIGNER.slice(0, -4), FOO])(
    "%s is refused",
    async (text) => {
      expect(await parseSignerKey(text)).toBeUndefined();
    },
  );
});

test.each(["a", "example.com/log42", "weir.test/audit/t1", "é"])("%j can name a key", (name) => {
  expect(isKeyName(name)).toBe(true);
});

test.each(["", " ", "a b", "a+b", "a\nb", "a\u00a0b", "a\u3000b", "a\u2028b", "a\u0001b", "\ud800"])("%j cannot name a key", (name) => {
  expect(isKeyName(name)).toBe(false);
});
