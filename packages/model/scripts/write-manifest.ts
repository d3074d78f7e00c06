// Renews what weights/MANIFEST.json says of the files (sha256, size, logits): `node packages/model/scripts/write-manifest.ts`.
// Data, metrics, licence and limits are written by hand and kept.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readGguf } from "../src/gguf.ts";
import { Llama } from "../src/llama.ts";
import { loadFromDisk } from "../src/load-from-disk.ts";
import { Tokenizer } from "../src/tokenizer.ts";

const PROMPTS = ["where is my order A-48213?", "how do i bake a cake", "我要退款，订单号 A-1234"];
const TOP = 5;

const path = (name: string): string => fileURLToPath(new URL(`../weights/${name}`, import.meta.url).href);
const manifest: { files: { file: string }[] } = JSON.parse(readFileSync(path("MANIFEST.json"), "utf8"));
const { kernel, weights } = loadFromDisk();
const file = readGguf(weights);
const tokenizer = new Tokenizer(file);
const model = new Llama(file, kernel);
const control = (name: string): number => tokenizer.controlToken(name) ?? -1;

const files = manifest.files.map((entry) => {
  const bytes = readFileSync(path(entry.file));
  return { ...entry, sha256: createHash("sha256").update(bytes).digest("hex"), bytes: bytes.length };
});
const logits = PROMPTS.map((prompt) => {
  model.forward([control("<|user|>"), ...tokenizer.encode(prompt), control("<|end|>"), control("<|assistant|>")], 0);
  const ranked = Array.from(model.logits(), (logit, token) => ({ token, logit: Math.round(logit * 1e4) / 1e4 }));
  return { prompt, top: ranked.toSorted((a, b) => b.logit - a.logit).slice(0, TOP) };
});
writeFileSync(path("MANIFEST.json"), `${JSON.stringify({ ...manifest, files, logits }, null, 2)}\n`);
