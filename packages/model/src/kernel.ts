/** The exports of kernel.wasm. Pointers are byte offsets into `memory`; kernel/kernel.as.ts documents each function. */
export interface Kernel {
  memory: WebAssembly.Memory;
  unpackQ8(source: number, quants: number, scales: number, blocks: number): void;
  dequantiseRow(quants: number, scales: number, out: number, length: number): void;
  quantise(x: number, quants: number, scales: number, length: number): void;
  matmul(w: number, wScales: number, x: number, xScales: number, out: number, rows: number, cols: number, tokens: number): void;
  rmsNorm(x: number, weight: number, out: number, rows: number, length: number, epsilon: number): void;
  add(x: number, y: number, length: number): void;
  rope(x: number, cosines: number, sines: number, tokens: number, heads: number, headSize: number): void;
  swiGlu(gate: number, up: number, length: number): void;
  attention(
    q: number,
    keys: number,
    values: number,
    out: number,
    scores: number,
    tokens: number,
    first: number,
    heads: number,
    kvHeads: number,
    headSize: number,
  ): void;
}

const FUNCTIONS: readonly Exclude<keyof Kernel, "memory">[] = [
  "unpackQ8",
  "dequantiseRow",
  "quantise",
  "matmul",
  "rmsNorm",
  "add",
  "rope",
  "swiGlu",
  "attention",
];

function isKernel(exports: object): exports is Kernel {
  const named = new Map<string, unknown>(Object.entries(exports));
  return named.get("memory") instanceof WebAssembly.Memory && FUNCTIONS.every((name) => typeof named.get(name) === "function");
}

/**
 * Starts the kernel with a fresh memory of one page. In a Worker the module comes from `import kernel from "@weir/model/kernel.wasm"`;
 * workerd forbids compiling WebAssembly from bytes at run time. @throws {TypeError} when the module is not this kernel
 */
export function startKernel(module: WebAssembly.Module): Kernel {
  const { exports } = new WebAssembly.Instance(module, {});
  if (!isKernel(exports)) throw new TypeError("The WebAssembly module is not the Weir kernel.");
  return exports;
}
