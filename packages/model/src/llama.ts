import { GgufError, metadataNumber, type GgufFile } from "./gguf.ts";
import { KernelMemory, type Matrix } from "./kernel-memory.ts";
import { startKernel, type Kernel } from "./kernel.ts";

export interface LlamaConfig {
  dimension: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headSize: number;
  feedForward: number;
  vocabulary: number;
  ropeBase: number;
  normEpsilon: number;
  /** Positions the key-value cache holds. */
  contextLength: number;
}

export interface LlamaOptions {
  /** Shortens the context below the file's own, to save memory: 2 * layers * kvHeads * headSize * 4 bytes a position. */
  maxContextLength?: number;
}

const DEFAULT_MAX_CONTEXT = 2048;
/** Prompt tokens that go through the layers together. More would grow the scratch memory and gain nothing beyond a few tiles of 4. */
const CHUNK_TOKENS = 32;

interface Layer {
  attentionNorm: number;
  query: Matrix;
  key: Matrix;
  value: Matrix;
  output: Matrix;
  feedForwardNorm: number;
  gate: Matrix;
  up: Matrix;
  down: Matrix;
  keyCache: number;
  valueCache: number;
}

/** The architecture, from `llama.*` metadata. @throws {GgufError} on a combination the kernel cannot run */
export function readLlamaConfig(file: GgufFile, options: LlamaOptions = {}): LlamaConfig {
  const architecture = file.metadata.get("general.architecture");
  if (architecture !== "llama") throw new GgufError(`general.architecture is ${String(architecture)}; only llama is supported.`);
  const dimension = metadataNumber(file, "llama.embedding_length");
  const heads = metadataNumber(file, "llama.attention.head_count");
  const headSize = dimension / heads;
  const config: LlamaConfig = {
    dimension,
    layers: metadataNumber(file, "llama.block_count"),
    heads,
    kvHeads: metadataNumber(file, "llama.attention.head_count_kv", heads),
    headSize,
    feedForward: metadataNumber(file, "llama.feed_forward_length"),
    vocabulary: file.tensors.get("token_embd.weight")?.dimensions[1] ?? 0,
    ropeBase: metadataNumber(file, "llama.rope.freq_base", 10_000),
    normEpsilon: metadataNumber(file, "llama.attention.layer_norm_rms_epsilon"),
    contextLength: Math.min(metadataNumber(file, "llama.context_length"), options.maxContextLength ?? DEFAULT_MAX_CONTEXT),
  };
  const { layers, kvHeads, feedForward, contextLength } = config;
  const counts = [dimension, layers, heads, kvHeads, feedForward, contextLength];
  if (!counts.every((count) => Number.isInteger(count) && count > 0))
    throw new GgufError("The llama metadata holds a size that is not positive.");
  if (dimension % 32 !== 0 || feedForward % 32 !== 0 || headSize % 4 !== 0 || (kvHeads * headSize) % 32 !== 0) {
    throw new GgufError("The llama sizes do not fit the kernel: rows must be multiples of 32 and heads multiples of 4.");
  }
  if (heads % kvHeads !== 0) throw new GgufError(`${heads} query heads cannot share ${kvHeads} key-value heads.`);
  if (metadataNumber(file, "llama.rope.dimension_count", headSize) !== headSize)
    throw new GgufError("Partial rotary embeddings are not supported.");
  return config;
}

/**
 * The forward pass of a Llama-architecture model with Q8_0 matrices: RMSNorm, interleaved rotary positions, grouped-query attention, SwiGLU,
 * tied or separate output embeddings. Weights, cache and scratch live in the kernel's memory, the weights once; the file may be dropped.
 *
 * The key-value cache is one shared state: positions are overwritten by whoever runs next. One request at a time (src/fair-queue.ts).
 */
export class Llama {
  readonly config: LlamaConfig;
  readonly #kernel: Kernel;
  readonly #layers: Layer[];
  readonly #embedding: Matrix;
  readonly #outputNorm: number;
  readonly #output: Matrix;
  readonly #cosines: number;
  readonly #sines: number;
  // Scratch for one chunk of tokens.
  readonly #x: number;
  readonly #y: number;
  readonly #q: number;
  readonly #gate: number;
  readonly #up: number;
  readonly #quants: number;
  readonly #scales: number;
  readonly #scores: number;
  readonly #logits: number;
  /** Where the hidden state of the last token is, for logits(). */
  #last: number;

  /** @throws {GgufError} when a tensor is missing or misshapen, or the model does not fit in memory */
  constructor(file: GgufFile, module: WebAssembly.Module, options: LlamaOptions = {}) {
    const config = readLlamaConfig(file, options);
    const { dimension, feedForward, vocabulary, contextLength, headSize } = config;
    const kvSize = config.kvHeads * headSize;
    const kernel = startKernel(module);
    const layout = new KernelMemory(kernel);

    this.config = config;
    this.#kernel = kernel;
    this.#embedding = layout.matrix(vocabulary, dimension);
    this.#outputNorm = layout.floats(dimension);
    this.#output = file.tensors.has("output.weight") ? layout.matrix(vocabulary, dimension) : this.#embedding;
    this.#layers = Array.from({ length: config.layers }, () => ({
      attentionNorm: layout.floats(dimension),
      query: layout.matrix(dimension, dimension),
      key: layout.matrix(kvSize, dimension),
      value: layout.matrix(kvSize, dimension),
      output: layout.matrix(dimension, dimension),
      feedForwardNorm: layout.floats(dimension),
      gate: layout.matrix(feedForward, dimension),
      up: layout.matrix(feedForward, dimension),
      down: layout.matrix(dimension, feedForward),
      keyCache: layout.floats(contextLength * kvSize),
      valueCache: layout.floats(contextLength * kvSize),
    }));
    this.#cosines = layout.floats(contextLength * headSize);
    this.#sines = layout.floats(contextLength * headSize);
    this.#x = layout.floats(CHUNK_TOKENS * dimension);
    this.#y = layout.floats(CHUNK_TOKENS * dimension);
    this.#q = layout.floats(CHUNK_TOKENS * dimension);
    this.#gate = layout.floats(CHUNK_TOKENS * feedForward);
    this.#up = layout.floats(CHUNK_TOKENS * feedForward);
    const widest = Math.max(dimension, feedForward);
    this.#quants = layout.bytes(CHUNK_TOKENS * widest * 2);
    this.#scales = layout.floats((CHUNK_TOKENS * widest) / 32);
    this.#scores = layout.floats(contextLength + 4);
    this.#logits = layout.floats(vocabulary);
    this.#last = this.#x;

    layout.grow();
    this.#loadWeights(file, layout);
    this.#fillRotaryTables(layout);
  }

  #loadWeights(file: GgufFile, memory: KernelMemory): void {
    const { dimension } = this.config;
    memory.loadMatrix(file, "token_embd.weight", this.#embedding);
    memory.loadVector(file, "output_norm.weight", this.#outputNorm, dimension);
    if (this.#output !== this.#embedding) memory.loadMatrix(file, "output.weight", this.#output);
    for (const [i, layer] of this.#layers.entries()) {
      memory.loadVector(file, `blk.${i}.attn_norm.weight`, layer.attentionNorm, dimension);
      memory.loadMatrix(file, `blk.${i}.attn_q.weight`, layer.query);
      memory.loadMatrix(file, `blk.${i}.attn_k.weight`, layer.key);
      memory.loadMatrix(file, `blk.${i}.attn_v.weight`, layer.value);
      memory.loadMatrix(file, `blk.${i}.attn_output.weight`, layer.output);
      memory.loadVector(file, `blk.${i}.ffn_norm.weight`, layer.feedForwardNorm, dimension);
      memory.loadMatrix(file, `blk.${i}.ffn_gate.weight`, layer.gate);
      memory.loadMatrix(file, `blk.${i}.ffn_up.weight`, layer.up);
      memory.loadMatrix(file, `blk.${i}.ffn_down.weight`, layer.down);
    }
  }

  #fillRotaryTables(memory: KernelMemory): void {
    const { contextLength, headSize, ropeBase } = this.config;
    const cosines = memory.view(this.#cosines, contextLength * headSize);
    const sines = memory.view(this.#sines, contextLength * headSize);
    for (let position = 0; position < contextLength; position++) {
      for (let i = 0; i < headSize; i += 2) {
        const angle = position * ropeBase ** (-i / headSize);
        const at = position * headSize + i;
        cosines.fill(Math.cos(angle), at, at + 2);
        sines[at] = -Math.sin(angle);
        sines[at + 1] = Math.sin(angle);
      }
    }
  }

  /**
   * Runs tokens through the model at positions first, first + 1, ... and keeps their keys and values. Positions before `first` must have been
   * run already. Logits are computed only when asked for: a prompt needs those of its last token alone.
   * @throws {RangeError} when the positions leave the context or a token is not in the vocabulary
   */
  forward(tokens: readonly number[], first: number): void {
    const { contextLength, vocabulary } = this.config;
    if (tokens.length === 0 || first < 0 || first + tokens.length > contextLength) {
      throw new RangeError(`Positions ${first} to ${first + tokens.length} do not fit a context of ${contextLength}.`);
    }
    if (!tokens.every((token) => Number.isInteger(token) && token >= 0 && token < vocabulary))
      throw new RangeError("A token is not in the vocabulary.");
    for (let start = 0; start < tokens.length; start += CHUNK_TOKENS) {
      this.#forwardChunk(tokens.slice(start, start + CHUNK_TOKENS), first + start);
    }
  }

  #forwardChunk(tokens: readonly number[], first: number): void {
    const { dimension } = this.config;
    for (const [i, token] of tokens.entries()) {
      const { quants, scales } = this.#embedding;
      const start = token * dimension;
      this.#kernel.dequantiseRow(quants + start, scales + start / 8, this.#x + i * dimension * 4, dimension);
    }
    for (const layer of this.#layers) {
      this.#attend(layer, tokens.length, first);
      this.#feedForward(layer, tokens.length);
    }
    this.#last = this.#x + (tokens.length - 1) * dimension * 4;
  }

  /** x += attention(norm(x)). Keys and values are computed straight into the cache. */
  #attend(layer: Layer, tokens: number, first: number): void {
    const kernel = this.#kernel;
    const { dimension, heads, kvHeads, headSize, normEpsilon } = this.config;
    const cached = first * kvHeads * headSize * 4;
    const cosines = this.#cosines + first * headSize * 4;
    const sines = this.#sines + first * headSize * 4;
    kernel.rmsNorm(this.#x, layer.attentionNorm, this.#y, tokens, dimension, normEpsilon);
    this.#quantise(this.#y, tokens * dimension);
    this.#multiply(layer.query, this.#q, tokens);
    this.#multiply(layer.key, layer.keyCache + cached, tokens);
    this.#multiply(layer.value, layer.valueCache + cached, tokens);
    kernel.rope(this.#q, cosines, sines, tokens, heads, headSize);
    kernel.rope(layer.keyCache + cached, cosines, sines, tokens, kvHeads, headSize);
    kernel.attention(this.#q, layer.keyCache, layer.valueCache, this.#y, this.#scores, tokens, first, heads, kvHeads, headSize);
    this.#quantise(this.#y, tokens * dimension);
    this.#multiply(layer.output, this.#q, tokens);
    kernel.add(this.#x, this.#q, tokens * dimension);
  }

  /** x += down(silu(gate(norm(x))) * up(norm(x))). */
  #feedForward(layer: Layer, tokens: number): void {
    const kernel = this.#kernel;
    const { dimension, feedForward, normEpsilon } = this.config;
    kernel.rmsNorm(this.#x, layer.feedForwardNorm, this.#y, tokens, dimension, normEpsilon);
    this.#quantise(this.#y, tokens * dimension);
    this.#multiply(layer.gate, this.#gate, tokens);
    this.#multiply(layer.up, this.#up, tokens);
    kernel.swiGlu(this.#gate, this.#up, tokens * feedForward);
    this.#quantise(this.#gate, tokens * feedForward);
    this.#multiply(layer.down, this.#y, tokens);
    kernel.add(this.#x, this.#y, tokens * dimension);
  }

  /** Quantises activations into the scratch that #multiply reads. */
  #quantise(x: number, length: number): void {
    this.#kernel.quantise(x, this.#quants, this.#scales, length);
  }

  #multiply(matrix: Matrix, out: number, tokens: number): void {
    this.#kernel.matmul(matrix.quants, matrix.scales, this.#quants, this.#scales, out, matrix.rows, matrix.columns, tokens);
  }

  /** Logits after the last token that ran, one per vocabulary entry. A view into the kernel's memory: valid until the next call. */
  logits(): Float32Array {
    const { dimension, normEpsilon, vocabulary } = this.config;
    this.#kernel.rmsNorm(this.#last, this.#outputNorm, this.#y, 1, dimension, normEpsilon);
    this.#quantise(this.#y, dimension);
    this.#multiply(this.#output, this.#logits, 1);
    return new Float32Array(this.#kernel.memory.buffer, this.#logits, vocabulary);
  }
}
