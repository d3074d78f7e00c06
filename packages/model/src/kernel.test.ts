import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { startKernel } from "./kernel.ts";
import { compileModule, loadFromDisk } from "./load-from-disk.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

test("the committed kernel is what its source compiles to", async () => {
  const script = new URL("../scripts/build-kernel.mjs", import.meta.url).href;
  const { compileKernel } = await import(script);
  expect(sha256(await compileKernel())).toBe(sha256(readFileSync(fileURLToPath(new URL("./kernel.wasm", import.meta.url).href))));
});

test("the kernel imports nothing from its host", () => {
  expect(WebAssembly.Module.imports(loadFromDisk().kernel)).toEqual([]);
});

test("a module that is not the kernel is refused", () => {
  // The smallest module: magic and version alone.
  const empty = compileModule(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
  expect(() => startKernel(empty)).toThrow(TypeError);
});

test("a batch of rows multiplies to the same result as row by row, remainders included", () => {
  const kernel = startKernel(loadFromDisk().kernel);
  kernel.memory.grow(1);
  const memory = kernel.memory.buffer;
  const [rows, columns, tokens] = [5, 64, 7];
  const weights = new Int8Array(memory, 0, rows * columns).map((_, i) => ((i * 37) % 255) - 127);
  new Int8Array(memory, 0, rows * columns).set(weights);
  const scales = new Float32Array(memory, 1024, (rows * columns) / 32).map((_, i) => 0.01 * (i + 1));
  new Float32Array(memory, 1024, scales.length).set(scales);
  const x = new Float32Array(memory, 4096, tokens * columns).map((_, i) => Math.sin(i) * (1 + (i % 11)));
  new Float32Array(memory, 4096, x.length).set(x);
  kernel.quantise(4096, 8192, 16_384, tokens * columns);
  kernel.matmul(0, 1024, 8192, 16_384, 32_768, rows, columns, tokens);
  const out = new Float32Array(memory, 32_768, rows * tokens);
  for (let token = 0; token < tokens; token++) {
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let c = 0; c < columns; c++) {
        const at = row * columns + c;
        sum += (weights[at] ?? 0) * (scales[at >> 5] ?? 0) * (x[token * columns + c] ?? 0);
      }
      expect(out[token * rows + row]).toBeCloseTo(sum, 1);
    }
  }
});
