import { GgufError, metadataNumber, type GgufFile } from "./gguf.ts";
import { KernelMemory, type Matrix } from "./kernel-memory.ts";
import { startKernel, type Kernel } from "./kernel.ts";
import { SentencePiece } from "./sentencepiece.ts";

/** The text has more tokens than the encoder takes; it is refused, never cut. */
export class SentenceLengthError extends Error {
  override readonly name = "SentenceLengthError";

  constructor(length: string, maxTokens: number) {
    super(`The text has ${length}; this model takes at most ${maxTokens} tokens.`);
  }
}

/** The text is in a script the encoder was not trained on: all such texts would get one and the same vector. */
export class UnsupportedLanguageError extends Error {
  override readonly name = "UnsupportedLanguageError";
}

const MAX_CHARACTERS = 16_384;

/** The place of a norm's two vectors. */
interface Norm {
  scale: number;
  bias: number;
}

/** y = Wx + b. */
interface Dense {
  weight: Matrix;
  bias: number;
}

interface Layer {
  /** Width of the layer's input and of its attention. */
  width: number;
  attentionNorm: Norm;
  query: Dense;
  key: Dense;
  value: Dense;
  output: Dense;
  feedForwardNorm: Norm;
  up: Dense;
  down: Dense;
}

// A Chinese sentence with an English word in it would be embedded as that word alone. Names and symbols in other scripts may pass.
const LEAST_LATIN_SHARE = 0.8;

/**
 * The forward pass of the Universal Sentence Encoder Lite (Cer et al. 2018): two transformer layers (the first widens 256 to 512), mean over
 * the tokens, a tanh layer, unit length. Deterministic: one text has one vector. Weights and scratch live in the kernel's memory, the
 * weights once; the file may be dropped. A call runs to its end without yielding, so the shared scratch needs no turns.
 */
export class SentenceEncoder {
  readonly dimensions: number;
  readonly maxTokens: number;
  readonly #tokenizer: SentencePiece;
  readonly #kernel: Kernel;
  readonly #memory: KernelMemory;
  readonly #heads: number;
  readonly #normEpsilon: number;
  readonly #embedding: Matrix;
  /** One frequency for each sine and cosine of the position. */
  readonly #timing: Float32Array;
  readonly #widen: Dense;
  readonly #layers: Layer[];
  readonly #pooled: Dense;
  // Scratch, one row a token.
  readonly #x: number;
  readonly #y: number;
  readonly #query: number;
  readonly #key: number;
  readonly #value: number;
  readonly #hidden: number;
  readonly #quants: number;
  readonly #scales: number;
  readonly #scores: number;

  /** @throws {GgufError} when a tensor is missing or misshapen, or the file is of another architecture */
  constructor(file: GgufFile, module: WebAssembly.Module) {
    const architecture = file.metadata.get("general.architecture");
    if (architecture !== "use-lite") throw new GgufError(`general.architecture is ${String(architecture)}; only use-lite is supported.`);
    const size = (key: string): number => positive(key, metadataNumber(file, `use-lite.${key}`));
    const narrow = size("token_embedding_length");
    const wide = size("embedding_length");
    const feedForward = size("feed_forward_length");
    const heads = size("attention.head_count");
    const vocabulary = file.tensors.get("token_embd.weight")?.dimensions[1] ?? 0;
    for (const row of [narrow, wide, feedForward]) {
      if (row % 32 !== 0 || row % (4 * heads) !== 0) throw new GgufError(`Rows of ${row} in ${heads} heads do not fit the kernel.`);
    }
    this.dimensions = wide;
    this.maxTokens = size("context_length");
    this.#heads = heads;
    this.#normEpsilon = metadataNumber(file, "use-lite.attention.layer_norm_epsilon");
    this.#tokenizer = new SentencePiece(file);
    if (this.#tokenizer.size > vocabulary) throw new GgufError(`${this.#tokenizer.size} pieces share ${vocabulary} embeddings.`);

    const kernel = startKernel(module);
    const memory = new KernelMemory(kernel);
    this.#kernel = kernel;
    this.#memory = memory;
    const loads: (() => void)[] = [];
    const matrix = (name: string, rows: number, columns: number): Matrix => {
      const place = memory.matrix(rows, columns);
      loads.push(() => memory.loadMatrix(file, name, place));
      return place;
    };
    const vector = (name: string, length: number): number => {
      const place = memory.floats(length);
      loads.push(() => memory.loadVector(file, name, place, length));
      return place;
    };
    const dense = (name: string, rows: number, columns: number): Dense => ({
      weight: matrix(`${name}.weight`, rows, columns),
      bias: vector(`${name}.bias`, rows),
    });
    const norm = (name: string, length: number): Norm => ({
      scale: vector(`${name}.weight`, length),
      bias: vector(`${name}.bias`, length),
    });

    this.#embedding = matrix("token_embd.weight", vocabulary, narrow);
    const timing = vector("timing.weight", narrow / 2);
    this.#widen = dense("widen", wide, narrow);
    this.#layers = [narrow, wide].map((width, i) => ({
      width,
      attentionNorm: norm(`blk.${i}.attn_norm`, width),
      query: dense(`blk.${i}.attn_q`, width, width),
      key: dense(`blk.${i}.attn_k`, width, width),
      value: dense(`blk.${i}.attn_v`, width, width),
      output: dense(`blk.${i}.attn_output`, wide, width),
      feedForwardNorm: norm(`blk.${i}.ffn_norm`, wide),
      up: dense(`blk.${i}.ffn_up`, feedForward, wide),
      down: dense(`blk.${i}.ffn_down`, wide, feedForward),
    }));
    this.#pooled = dense("pooled", wide, wide);
    const rows = this.maxTokens;
    const widest = Math.max(wide, feedForward);
    this.#x = memory.floats(rows * wide);
    this.#y = memory.floats(rows * wide);
    this.#query = memory.floats(rows * wide);
    this.#key = memory.floats(rows * wide);
    this.#value = memory.floats(rows * wide);
    this.#hidden = memory.floats(rows * feedForward);
    this.#quants = memory.bytes(rows * widest * 2);
    this.#scales = memory.floats((rows * widest) / 32);
    this.#scores = memory.floats(rows + 4);
    memory.grow();
    for (const load of loads) load();
    this.#timing = memory.view(timing, narrow / 2);
  }

  /**
   * A text's tokens, as `embed` takes them.
   * @throws {UnsupportedLanguageError} when the text is mostly in another script than Latin, or says nothing that the model knows
   * @throws {SentenceLengthError} when the text is too long
   */
  tokens(text: string): number[] {
    // Far beyond what so many tokens can hold: refused before anything is made of it.
    if (text.length > MAX_CHARACTERS) throw new SentenceLengthError(`${text.length} characters`, this.maxTokens);
    const letters = text.match(/\p{L}/gu)?.length ?? 0;
    const latin = text.match(/\p{Script=Latin}/gu)?.length ?? 0;
    if (latin < letters * LEAST_LATIN_SHARE) {
      throw new UnsupportedLanguageError("This model knows English; the text is mostly in a script other than Latin.");
    }
    const ids = this.#tokenizer.encode(text);
    if (!ids.some((id) => this.#tokenizer.isMeaningful(id))) {
      throw new UnsupportedLanguageError("This model knows English; nothing in the text is in its vocabulary.");
    }
    if (ids.length > this.maxTokens) throw new SentenceLengthError(`${ids.length} tokens`, this.maxTokens);
    return ids;
  }

  /** The vector of a text, of length 1. @throws {RangeError} when the tokens are not such as `tokens` gives */
  embed(tokens: readonly number[]): Float32Array {
    const count = tokens.length;
    if (count === 0 || count > this.maxTokens) throw new RangeError(`${count} tokens; 1 to ${this.maxTokens} are possible.`);
    if (!tokens.every((token) => Number.isInteger(token) && token >= 0 && token < this.#embedding.rows))
      throw new RangeError("A token is not in the vocabulary.");
    const { dimensions } = this;
    this.#lookUp(tokens);
    for (const [i, layer] of this.#layers.entries()) {
      this.#attend(layer, count);
      // The first layer changes the width, so what is added to its attention passes a layer of its own.
      if (i === 0) this.#multiply(this.#widen, this.#x, this.#x, count);
      this.#kernel.add(this.#x, this.#y, count * dimensions);
      this.#feedForward(layer, count);
    }
    this.#mean(count);
    this.#multiply(this.#pooled, this.#y, this.#x, 1);
    const vector = this.#memory.view(this.#x, dimensions).map((value) => Math.tanh(value));
    const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
    return vector.map((value) => value / length);
  }

  /** x = 2 * embedding + position: the reference adds the embedding to a sum that holds it already. */
  #lookUp(tokens: readonly number[]): void {
    const { quants, scales, columns } = this.#embedding;
    const half = columns / 2;
    for (const [position, token] of tokens.entries()) {
      const at = this.#x + position * columns * 4;
      const start = token * columns;
      this.#kernel.dequantiseRow(quants + start, scales + start / 8, at, columns);
      const row = this.#memory.view(at, columns);
      for (const [i, frequency] of this.#timing.entries()) {
        row[i] = 2 * (row[i] ?? 0) + Math.sin(position * frequency);
        row[half + i] = 2 * (row[half + i] ?? 0) + Math.cos(position * frequency);
      }
    }
  }

  /** y = attention(norm(x)). Every token sees every token: to the causal kernel each is the last one, so it is asked for one at a time. */
  #attend(layer: Layer, count: number): void {
    const { width } = layer;
    const headSize = width / this.#heads;
    this.#normalise(layer.attentionNorm, width, count);
    this.#quantise(this.#y, count * width);
    this.#product(layer.query, this.#query, count);
    this.#product(layer.key, this.#key, count);
    this.#product(layer.value, this.#value, count);
    for (let token = 0; token < count; token++) {
      const offset = token * width * 4;
      this.#kernel.attention(
        this.#query + offset,
        this.#key,
        this.#value,
        this.#y + offset,
        this.#scores,
        1,
        count - 1,
        this.#heads,
        this.#heads,
        headSize,
      );
    }
    this.#multiply(layer.output, this.#y, this.#y, count);
  }

  /** x += down(relu(up(norm(x)))). */
  #feedForward(layer: Layer, count: number): void {
    const { rows } = layer.up.weight;
    this.#normalise(layer.feedForwardNorm, this.dimensions, count);
    this.#multiply(layer.up, this.#y, this.#hidden, count);
    const hidden = this.#memory.view(this.#hidden, count * rows);
    for (let i = 0; i < hidden.length; i++) if ((hidden[i] ?? 0) < 0) hidden[i] = 0;
    this.#multiply(layer.down, this.#hidden, this.#y, count);
    this.#kernel.add(this.#x, this.#y, count * this.dimensions);
  }

  /** Layer norm (Ba et al. 2016) of each row of x into y. */
  #normalise(norm: Norm, width: number, count: number): void {
    const scale = this.#memory.view(norm.scale, width);
    const bias = this.#memory.view(norm.bias, width);
    for (let token = 0; token < count; token++) {
      const x = this.#memory.view(this.#x + token * width * 4, width);
      const y = this.#memory.view(this.#y + token * width * 4, width);
      let sum = 0;
      for (let i = 0; i < width; i++) sum += x[i] ?? 0;
      const mean = sum / width;
      let squares = 0;
      for (let i = 0; i < width; i++) squares += ((x[i] ?? 0) - mean) ** 2;
      const factor = 1 / Math.sqrt(squares / width + this.#normEpsilon);
      for (let i = 0; i < width; i++) y[i] = ((x[i] ?? 0) - mean) * factor * (scale[i] ?? 0) + (bias[i] ?? 0);
    }
  }

  /** The mean row of x, into y. */
  #mean(count: number): void {
    const x = this.#memory.view(this.#x, count * this.dimensions);
    const mean = this.#memory.view(this.#y, this.dimensions).fill(0);
    for (const [i, value] of x.entries()) mean[i % this.dimensions] = (mean[i % this.dimensions] ?? 0) + value / count;
  }

  /** out = Wx + b, row by row; x and out may be one place, since x is quantised first. */
  #multiply(layer: Dense, x: number, out: number, count: number): void {
    this.#quantise(x, count * layer.weight.columns);
    this.#product(layer, out, count);
  }

  /** Quantises activations into the scratch that #product reads. */
  #quantise(x: number, length: number): void {
    this.#kernel.quantise(x, this.#quants, this.#scales, length);
  }

  #product({ weight, bias }: Dense, out: number, count: number): void {
    this.#kernel.matmul(weight.quants, weight.scales, this.#quants, this.#scales, out, weight.rows, weight.columns, count);
    const biases = this.#memory.view(bias, weight.rows);
    for (let token = 0; token < count; token++) {
      const row = this.#memory.view(out + token * weight.rows * 4, weight.rows);
      for (let i = 0; i < row.length; i++) row[i] = (row[i] ?? 0) + (biases[i] ?? 0);
    }
  }
}

function positive(key: string, value: number): number {
  if (!Number.isInteger(value) || value <= 0) throw new GgufError(`use-lite.${key} is ${value}, not a positive whole number.`);
  return value;
}
