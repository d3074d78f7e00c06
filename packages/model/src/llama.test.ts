import { expect, test } from "vitest";
import { GgufError, readFloats, readGguf, type GgufFile } from "./gguf.ts";
import { Llama, readLlamaConfig } from "./llama.ts";
import { loadFromDisk } from "./load-from-disk.ts";
import { argMax } from "./sampling.ts";
import { Tokenizer } from "./tokenizer.ts";

const { kernel, weights } = loadFromDisk();
const file = readGguf(weights);
const tokenizer = new Tokenizer(file);
const prompt = [2, ...tokenizer.encode("where is my order A-48213?"), 0, 3];

/** The same architecture in plain double arithmetic: slow, obvious, independent of the kernel. Returns the last token's logits. */
function referenceLogits(file: GgufFile, tokens: readonly number[]): number[] {
  const { dimension, layers, heads, kvHeads, headSize, feedForward, vocabulary, ropeBase, normEpsilon } = readLlamaConfig(file);
  const load = (name: string): number[] => {
    const tensor = file.tensors.get(name);
    if (!tensor) throw new Error(name);
    return [...readFloats(file, tensor)];
  };
  const at = (values: readonly number[], i: number): number => values[i] ?? Number.NaN;
  const multiply = (matrix: number[], x: number[], rows: number): number[] =>
    Array.from({ length: rows }, (_, row) => x.reduce((sum, value, c) => sum + at(matrix, row * x.length + c) * value, 0));
  const norm = (x: number[], weight: number[]): number[] => {
    const factor = 1 / Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length + normEpsilon);
    return x.map((value, i) => value * factor * at(weight, i));
  };
  const rotate = (x: number[], position: number): number[] =>
    x.map((value, i) => {
      const pair = i % headSize;
      const angle = position * ropeBase ** (-(pair - (pair % 2)) / headSize);
      return pair % 2 === 0
        ? value * Math.cos(angle) - at(x, i + 1) * Math.sin(angle)
        : at(x, i - 1) * Math.sin(angle) + value * Math.cos(angle);
    });
  const embedding = load("token_embd.weight");
  let states = tokens.map((token) => embedding.slice(token * dimension, (token + 1) * dimension));
  for (let layer = 0; layer < layers; layer++) {
    const tensor = (name: string): number[] => load(`blk.${layer}.${name}.weight`);
    const [attentionNorm, wq, wk, wv, wo] = [
      tensor("attn_norm"),
      tensor("attn_q"),
      tensor("attn_k"),
      tensor("attn_v"),
      tensor("attn_output"),
    ];
    const normed = states.map((x) => norm(x, attentionNorm));
    const queries = normed.map((x, position) => rotate(multiply(wq, x, dimension), position));
    const keys = normed.map((x, position) => rotate(multiply(wk, x, kvHeads * headSize), position));
    const values = normed.map((x) => multiply(wv, x, kvHeads * headSize));
    states = states.map((x, t) => {
      const mixed = Array.from({ length: dimension }, () => 0);
      for (let head = 0; head < heads; head++) {
        const shared = Math.floor(head / (heads / kvHeads)) * headSize;
        const scores = keys.slice(0, t + 1).map((key) => {
          let sum = 0;
          for (let i = 0; i < headSize; i++) sum += at(queries[t] ?? [], head * headSize + i) * at(key, shared + i);
          return Math.exp(sum / Math.sqrt(headSize));
        });
        const total = scores.reduce((sum, score) => sum + score, 0);
        for (const [s, score] of scores.entries()) {
          for (let i = 0; i < headSize; i++)
            mixed[head * headSize + i] = at(mixed, head * headSize + i) + (score / total) * at(values[s] ?? [], shared + i);
        }
      }
      return multiply(wo, mixed, dimension).map((value, i) => value + at(x, i));
    });
    const [feedForwardNorm, gate, up, down] = [tensor("ffn_norm"), tensor("ffn_gate"), tensor("ffn_up"), tensor("ffn_down")];
    states = states.map((x) => {
      const y = norm(x, feedForwardNorm);
      const ups = multiply(up, y, feedForward);
      const hidden = multiply(gate, y, feedForward).map((g, i) => (g / (1 + Math.exp(-g))) * at(ups, i));
      return multiply(down, hidden, dimension).map((value, i) => value + at(x, i));
    });
  }
  return multiply(embedding, norm(states.at(-1) ?? [], load("output_norm.weight")), vocabulary);
}

test("the kernel's logits equal a plain double-precision forward pass to 0.01", () => {
  const model = new Llama(file, kernel);
  const tokens = prompt.slice(0, 9);
  model.forward(tokens, 0);
  const logits = [...model.logits()];
  const reference = referenceLogits(file, tokens);
  const worst = Math.max(...reference.map((value, i) => Math.abs(value - (logits[i] ?? Number.NaN))));
  expect(worst).toBeLessThan(0.01);
});

test("a prompt run at once, in parts or token by token gives the same logits", () => {
  const model = new Llama(file, kernel);
  const long = [...prompt, ...prompt, ...prompt, ...prompt];
  model.forward(long, 0);
  const atOnce = model.logits().slice();
  model.forward(long.slice(0, 37), 0);
  model.forward(long.slice(37), 37);
  const inParts = model.logits().slice();
  for (const [i, token] of long.entries()) model.forward([token], i);
  const oneByOne = model.logits().slice();
  // The same sums in the same order, whether four tokens share a pass or one goes alone.
  expect(inParts).toEqual(atOnce);
  expect(oneByOne).toEqual(atOnce);
});

test("a new conversation is not touched by what was in the cache", () => {
  const fresh = new Llama(file, kernel);
  fresh.forward(prompt, 0);
  const expected = fresh.logits().slice();
  const used = new Llama(file, kernel);
  used.forward([...prompt, ...prompt, 0, 5, 6, 7], 0);
  used.forward(prompt, 0);
  expect(used.logits()).toEqual(expected);
});

test("positions beyond the context and unknown tokens are refused", () => {
  const model = new Llama(file, kernel, { maxContextLength: 16 });
  expect(model.config.contextLength).toBe(16);
  expect(() =>
    model.forward(
      Array.from({ length: 17 }, () => 5),
      0,
    ),
  ).toThrow(RangeError);
  expect(() => model.forward([5], 16)).toThrow(RangeError);
  expect(() => model.forward([], 0)).toThrow(RangeError);
  for (const token of [-1, 1.5, 999_999, Number.NaN]) expect(() => model.forward([token], 0)).toThrow(RangeError);
  model.forward([5], 15);
  expect(argMax(model.logits())).toBeGreaterThanOrEqual(0);
});

test("a model that contradicts itself is refused", () => {
  const change = (key: string, value: number | string): GgufFile => ({ ...file, metadata: new Map(file.metadata).set(key, value) });
  expect(() => new Llama(change("general.architecture", "gpt2"), kernel)).toThrow(GgufError);
  expect(() => new Llama(change("llama.embedding_length", 224), kernel)).toThrow(GgufError);
  expect(() => new Llama(change("llama.attention.head_count_kv", 4), kernel)).toThrow(GgufError);
  expect(() => new Llama(change("llama.block_count", 6), kernel)).toThrow(/blk\.5\./u);
  expect(() => new Llama(change("llama.block_count", -1), kernel)).toThrow(GgufError);
  const huge = change("llama.context_length", 10_000_000);
  expect(() => new Llama(huge, kernel, { maxContextLength: 10_000_000 })).toThrow(/MiB/u);
});
