import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildEmbed } from "../scripts/build-embed.ts";
import { GgufError, readGguf, type GgufValue } from "./gguf.ts";
import { loadEmbedWeightsFromDisk, loadFromDisk } from "./load-from-disk.ts";
import { SentenceEncoder, SentenceLengthError, UnsupportedLanguageError } from "./sentence-encoder.ts";

interface Reference {
  sentences: { text: string; ids: number[]; vector: string }[];
}

const path = fileURLToPath(new URL("../evals/embed-reference.json", import.meta.url).href);
const reference: Reference = JSON.parse(readFileSync(path, "utf8"));
const { kernel } = loadFromDisk();
const weights = loadEmbedWeightsFromDisk();
const file = readGguf(weights);
const encoder = new SentenceEncoder(file, kernel);

const vectorOf = (text: string): Float32Array => encoder.embed(encoder.tokens(text));

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, value, i) => sum + value * (y[i] ?? Number.NaN), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

const floatsOf = (base64: string): Float32Array => new Float32Array(Uint8Array.from(Buffer.from(base64, "base64")).buffer);

/** What a call gives: its value, or what it throws. */
function attempt<Value>(call: () => Value): Value | Error {
  try {
    return call();
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

test("the committed weights are what the pinned package converts to", () => {
  const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
  expect(sha256(buildEmbed())).toBe(sha256(new Uint8Array(weights)));
});

describe("a vector", () => {
  test.each(reference.sentences)("of $text equals the reference implementation's to a cosine of 0.9995", ({ text, vector }) => {
    expect(cosine(vectorOf(text), floatsOf(vector))).toBeGreaterThan(0.9995);
  });

  test("has 512 dimensions and length 1", () => {
    for (const { text } of reference.sentences) {
      const vector = vectorOf(text);
      expect(vector).toHaveLength(encoder.dimensions);
      expect(vector.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 5);
    }
  });

  test("depends on nothing but its text", () => {
    const [short, long] = ["My parcel has not arrived yet.", "the river is wide and the boat is small ".repeat(9)];
    const alone = new SentenceEncoder(file, kernel);
    const expected = alone.embed(alone.tokens(short));
    vectorOf(long);
    const first = vectorOf(short);
    expect(first).toEqual(expected);
    vectorOf(long);
    // A copy, not a view into memory that the next text overwrites.
    expect(first).toEqual(expected);
  });

  test.each([
    { text: "My parcel has not arrived yet.", near: "Where is my order?", far: "The cat sat on the warm windowsill." },
    { text: "How do I get my money back?", near: "I want a refund.", far: "Interest rates rose in March." },
    { text: "The weather is lovely today.", near: "It is sunny outside.", far: "My password does not work." },
  ])("of $text is nearer to that of $near than to that of $far", ({ text, near, far }) => {
    expect(cosine(vectorOf(text), vectorOf(near))).toBeGreaterThan(cosine(vectorOf(text), vectorOf(far)) + 0.1);
  });
});

describe("a text that cannot be embedded", () => {
  test.each(["我要退款", "我要退款，订单号 A-1234", "Привет, мир", "كيف حالك", "😀😀", "   "])("is refused: %j", (text) => {
    expect(() => encoder.tokens(text)).toThrow(UnsupportedLanguageError);
  });

  test("is one that has more than 128 tokens; the refusal says how many there are", () => {
    expect(encoder.tokens("the ".repeat(127).trim())).toHaveLength(127);
    expect(() => encoder.tokens("the river ".repeat(70))).toThrow(new SentenceLengthError("141 tokens", 128));
    expect(() => encoder.tokens("a".repeat(1_000_000))).toThrow(new SentenceLengthError("1000000 characters", 128));
  });

  test("is refused by type, whatever it is", () => {
    const text = fc.oneof(fc.string({ unit: "binary", maxLength: 400 }), fc.string({ unit: "grapheme", maxLength: 400 }), fc.lorem());
    fc.assert(
      fc.property(text, (value) => {
        const tokens = attempt(() => encoder.tokens(value));
        const refused = tokens instanceof UnsupportedLanguageError || tokens instanceof SentenceLengthError;
        expect(refused || (Array.isArray(tokens) && tokens.length <= encoder.maxTokens)).toBe(true);
      }),
    );
  });
});

test("text with some foreign letters, symbols or digits is embedded", () => {
  for (const text of ["π is about 3.14159", "My friend 李 lives in Berlin.", "2 + 2 = 4", "Der Zug fährt um acht.", "I ❤️ this"]) {
    expect(vectorOf(text)).toHaveLength(512);
  }
});

test("tokens that are none are refused", () => {
  for (const tokens of [[], Array.from({ length: 129 }, () => 7), [-1], [1.5], [99_999], [Number.NaN]])
    expect(() => encoder.embed(tokens)).toThrow(RangeError);
});

test.each([
  { key: "general.architecture", value: "llama" },
  { key: "use-lite.embedding_length", value: 500 },
  { key: "use-lite.embedding_length", value: 256 },
  { key: "use-lite.attention.head_count", value: 0 },
  { key: "use-lite.context_length", value: -1 },
  { key: "use-lite.context_length", value: 10_000_000 },
])("a file that says $key is $value is refused", ({ key, value }: { key: string; value: GgufValue }) => {
  expect(() => new SentenceEncoder({ ...file, metadata: new Map(file.metadata).set(key, value) }, kernel)).toThrow(GgufError);
});
