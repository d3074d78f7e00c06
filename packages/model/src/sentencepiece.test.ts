import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GgufError, readGguf, type GgufValue } from "./gguf.ts";
import { loadEmbedWeightsFromDisk } from "./load-from-disk.ts";
import { SentencePiece } from "./sentencepiece.ts";

interface Reference {
  sentences: { text: string; ids: number[] }[];
  pieces: { text: string; ids: number[] }[];
}

const path = fileURLToPath(new URL("../evals/embed-reference.json", import.meta.url).href);
const reference: Reference = JSON.parse(readFileSync(path, "utf8"));
const file = readGguf(loadEmbedWeightsFromDisk());
const tokenizer = new SentencePiece(file);

test.each([...reference.sentences, ...reference.pieces])("$text is cut as the reference implementation cuts it", ({ text, ids }) => {
  expect(tokenizer.encode(text)).toEqual(ids);
});

describe("any text", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: "grapheme" }),
    fc.string({ unit: fc.constantFrom("t", "h", "e", " ", "\u2581", ":", "0", "é") }),
  );

  test("has token ids of the vocabulary, no more than characters and one", () => {
    fc.assert(
      fc.property(text, (value) => {
        const ids = tokenizer.encode(value);
        expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < tokenizer.size)).toBe(true);
        expect(ids.length).toBeLessThanOrEqual(Array.from(value.normalize("NFKC")).length + 1);
        expect(ids.length === 0).toBe(value === "");
      }),
    );
  });

  test("has no two unknown tokens in a row", () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(tokenizer.encode(value).join()).not.toMatch(/\b0,0\b/);
      }),
    );
  });

  test("is cut the same in every normal form", () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(tokenizer.encode(value.normalize("NFKD"))).toEqual(tokenizer.encode(value));
      }),
    );
  });
});

test("unknown characters and spaces alone mean nothing", () => {
  expect(tokenizer.encode(" 😀").some((id) => tokenizer.isMeaningful(id))).toBe(false);
  expect(tokenizer.encode(" 7").some((id) => tokenizer.isMeaningful(id))).toBe(true);
});

test.each([
  { what: "another tokenizer", key: "tokenizer.ggml.model", value: "gpt2" },
  { what: "a score too few", key: "tokenizer.ggml.scores", value: [0] },
  { what: "no pieces", key: "tokenizer.ggml.tokens", value: [] },
  { what: "pieces that are numbers", key: "tokenizer.ggml.tokens", value: [1, 2] },
])("a file with $what is refused", ({ key, value }: { key: string; value: GgufValue }) => {
  expect(() => new SentencePiece({ ...file, metadata: new Map(file.metadata).set(key, value) })).toThrow(GgufError);
});
