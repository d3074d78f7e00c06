import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readGguf } from "./gguf.ts";
import { Llama } from "./llama.ts";
import { loadFromDisk } from "./load-from-disk.ts";
import { Tokenizer } from "./tokenizer.ts";

interface Manifest {
  files: { file: string; sha256: string; bytes: number }[];
  logits: { prompt: string; top: { token: number; logit: number }[] }[];
}

const path = (name: string): string => fileURLToPath(new URL(`../weights/${name}`, import.meta.url).href);
const manifest: Manifest = JSON.parse(readFileSync(path("MANIFEST.json"), "utf8"));

test.each(manifest.files)("$file is the file the manifest describes", ({ file, sha256, bytes }) => {
  expect(statSync(path(file)).size).toBe(bytes);
  expect(
    createHash("sha256")
      .update(readFileSync(path(file)))
      .digest("hex"),
  ).toBe(sha256);
});

test.each(manifest.logits)("the logits after $prompt are the stored ones", ({ prompt, top }) => {
  const { kernel, weights } = loadFromDisk();
  const file = readGguf(weights);
  const tokenizer = new Tokenizer(file);
  const model = new Llama(file, kernel);
  const control = (name: string): number => tokenizer.controlToken(name) ?? -1;
  model.forward([control("<|user|>"), ...tokenizer.encode(prompt), control("<|end|>"), control("<|assistant|>")], 0);
  const logits = model.logits();
  // The rotary tables come from the host's sine and cosine, which may differ in the last bit.
  for (const { token, logit } of top) expect(logits[token]).toBeCloseTo(logit, 2);
});
