import { GgufError, readFloats, requireTensor, type GgufFile } from "./gguf.ts";
import type { Kernel } from "./kernel.ts";

const PAGE_BYTES = 65_536;
// An isolate has 128 MB for everything, the file included while it loads.
const MAX_MEMORY_BYTES = 96 * 1024 * 1024;
/** Q8_0 blocks unpacked at a time; bounds the staging area. */
const STAGED_BLOCKS = 2048;
const Q8_BLOCK_BYTES = 34;

/** A matrix in the kernel's memory: a plane of int8 and a plane of f32 scales, one for 32 columns. */
export interface Matrix {
  quants: number;
  scales: number;
  rows: number;
  columns: number;
}

/**
 * Lays out a kernel's memory, then fills it from a GGUF file. Memory grows once, after the whole layout is known, since growing detaches
 * every view: ask for all places first, then `grow()`, then load.
 */
export class KernelMemory {
  readonly #kernel: Kernel;
  readonly #staging: number;
  #top: number;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
    // The module itself keeps nothing in memory; starting after its first page leaves address 0 unused.
    this.#top = kernel.memory.buffer.byteLength;
    this.#staging = this.bytes(STAGED_BLOCKS * Q8_BLOCK_BYTES);
  }

  bytes(count: number): number {
    const at = this.#top;
    this.#top = Math.ceil((at + count) / 64) * 64;
    return at;
  }

  floats(count: number): number {
    return this.bytes(count * 4);
  }

  matrix(rows: number, columns: number): Matrix {
    return { quants: this.bytes(rows * columns), scales: this.floats((rows * columns) / 32), rows, columns };
  }

  /** Makes room for everything that was asked for. @throws {GgufError} when that is more than a model may have */
  grow(): void {
    if (this.#top > MAX_MEMORY_BYTES) {
      throw new GgufError(
        `The model needs ${Math.ceil(this.#top / 2 ** 20)} MiB of memory; ${MAX_MEMORY_BYTES / 2 ** 20} MiB are allowed.`,
      );
    }
    const { memory } = this.#kernel;
    memory.grow(Math.ceil((this.#top - memory.buffer.byteLength) / PAGE_BYTES));
  }

  /** The floats at a place. A view: valid for good, as memory grows no more. */
  view(at: number, length: number): Float32Array {
    return new Float32Array(this.#kernel.memory.buffer, at, length);
  }

  loadVector(file: GgufFile, name: string, at: number, length: number): void {
    this.view(at, length).set(readFloats(file, requireTensor(file, name, [length])));
  }

  loadMatrix(file: GgufFile, name: string, matrix: Matrix): void {
    const tensor = requireTensor(file, name, [matrix.columns, matrix.rows]);
    if (tensor.type !== "Q8_0") throw new GgufError(`${name} is ${tensor.type}; matrices must be Q8_0 (llama-quantize converts them).`);
    const memory = new Uint8Array(this.#kernel.memory.buffer);
    const blocks = tensor.elements / 32;
    for (let block = 0; block < blocks; block += STAGED_BLOCKS) {
      const count = Math.min(STAGED_BLOCKS, blocks - block);
      const start = tensor.offset + block * Q8_BLOCK_BYTES;
      memory.set(file.bytes.subarray(start, start + count * Q8_BLOCK_BYTES), this.#staging);
      this.#kernel.unpackQ8(this.#staging, matrix.quants + block * 32, matrix.scales + block * 4, count);
    }
  }
}
