/** A metadata value. 64-bit integers are numbers while they fit exactly, bigints beyond 2^53. */
export type GgufValue = number | bigint | boolean | string | GgufValue[];

export type TensorType = "F32" | "F16" | "Q8_0";

export interface GgufTensor {
  name: string;
  type: TensorType;
  /** Fastest-varying dimension first, as ggml counts: a matrix is [columns, rows]. */
  dimensions: number[];
  elements: number;
  /** Bytes from the start of the file. */
  offset: number;
  byteLength: number;
}

export interface GgufFile {
  bytes: Uint8Array<ArrayBuffer>;
  metadata: ReadonlyMap<string, GgufValue>;
  tensors: ReadonlyMap<string, GgufTensor>;
}

/** The file is not a GGUF v3 file this package can read; the message names the field and the offset. */
export class GgufError extends Error {
  override readonly name = "GgufError";
}

const MAGIC = 0x46554747; // "GGUF", little-endian
const VERSION = 3;
const DEFAULT_ALIGNMENT = 32;
const MAX_DIMENSIONS = 4; // GGML_MAX_DIMS
const MAX_KEY_BYTES = 65_535; // GGUF specification, "gguf_metadata_kv_t"
// Arrays may nest. A hostile file could nest once per 12 bytes and overflow the stack.
const MAX_ARRAY_DEPTH = 4;

const VALUE = { u8: 0, i8: 1, u16: 2, i16: 3, u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9, u64: 10, i64: 11, f64: 12 } as const;

/** The fewest bytes one value of a type takes, by type number: bounds an array's length before anything is allocated. */
const SMALLEST_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8];

const TENSOR_TYPES: ReadonlyMap<number, { type: TensorType; blockElements: number; blockBytes: number }> = new Map([
  [0, { type: "F32", blockElements: 1, blockBytes: 4 }],
  [1, { type: "F16", blockElements: 1, blockBytes: 2 }],
  [8, { type: "Q8_0", blockElements: 32, blockBytes: 34 }],
]);

/** A cursor that refuses to step over the end. */
class Cursor {
  position = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.#bytes.byteLength - this.position;
  }

  #take(byteLength: number, what: string): number {
    if (byteLength > this.remaining) {
      throw new GgufError(`Truncated: ${what} at byte ${this.position} needs ${byteLength} bytes, ${this.remaining} are left.`);
    }
    const at = this.position;
    this.position += byteLength;
    return at;
  }

  u32(what: string): number {
    return this.#view.getUint32(this.#take(4, what), true);
  }

  /** A count or an offset. Anything beyond 2^53 cannot be inside this file, so it is refused rather than rounded. */
  size(what: string): number {
    const value = this.#view.getBigUint64(this.#take(8, what), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new GgufError(`${what} is ${value}: too large.`);
    return Number(value);
  }

  string(what: string, maxBytes = Number.MAX_SAFE_INTEGER): string {
    const byteLength = this.size(`the length of ${what}`);
    if (byteLength > maxBytes) throw new GgufError(`${what} is ${byteLength} bytes long; at most ${maxBytes} are allowed.`);
    const at = this.#take(byteLength, what);
    try {
      return this.#text.decode(this.#bytes.subarray(at, at + byteLength));
    } catch {
      throw new GgufError(`${what} at byte ${at} is not UTF-8.`);
    }
  }

  value(type: number, what: string, depth = 0): GgufValue {
    const view = this.#view;
    switch (type) {
      case VALUE.u8:
        return view.getUint8(this.#take(1, what));
      case VALUE.i8:
        return view.getInt8(this.#take(1, what));
      case VALUE.u16:
        return view.getUint16(this.#take(2, what), true);
      case VALUE.i16:
        return view.getInt16(this.#take(2, what), true);
      case VALUE.u32:
        return this.u32(what);
      case VALUE.i32:
        return view.getInt32(this.#take(4, what), true);
      case VALUE.f32:
        return view.getFloat32(this.#take(4, what), true);
      case VALUE.bool:
        return this.#boolean(what);
      case VALUE.string:
        return this.string(what);
      case VALUE.array:
        return this.#array(what, depth);
      case VALUE.u64:
        return exactNumber(view.getBigUint64(this.#take(8, what), true));
      case VALUE.i64:
        return exactNumber(view.getBigInt64(this.#take(8, what), true));
      case VALUE.f64:
        return view.getFloat64(this.#take(8, what), true);
      default:
        throw new GgufError(`${what} has the unknown value type ${type}.`);
    }
  }

  #boolean(what: string): boolean {
    const value = this.#view.getUint8(this.#take(1, what));
    if (value > 1) throw new GgufError(`${what} is a boolean with the value ${value}.`);
    return value === 1;
  }

  #array(what: string, depth: number): GgufValue[] {
    if (depth >= MAX_ARRAY_DEPTH) throw new GgufError(`${what} nests arrays more than ${MAX_ARRAY_DEPTH} deep.`);
    const type = this.u32(`the element type of ${what}`);
    const length = this.size(`the length of ${what}`);
    const smallest = SMALLEST_BYTES[type];
    if (smallest === undefined) throw new GgufError(`${what} has the unknown element type ${type}.`);
    if (length > this.remaining / smallest) {
      throw new GgufError(`Truncated: ${what} announces ${length} elements, ${this.remaining} bytes are left.`);
    }
    const values: GgufValue[] = [];
    for (let i = 0; i < length; i++) values.push(this.value(type, what, depth + 1));
    return values;
  }
}

function exactNumber(value: bigint): number | bigint {
  const asNumber = Number(value);
  return Number.isSafeInteger(asNumber) ? asNumber : value;
}

function readMetadata(cursor: Cursor, count: number): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < count; i++) {
    const key = cursor.string("a metadata key", MAX_KEY_BYTES);
    if (metadata.has(key)) throw new GgufError(`The metadata key ${key} occurs twice.`);
    metadata.set(key, cursor.value(cursor.u32(`the type of ${key}`), key));
  }
  return metadata;
}

function alignmentOf(metadata: ReadonlyMap<string, GgufValue>): number {
  const alignment = metadata.get("general.alignment") ?? DEFAULT_ALIGNMENT;
  // The specification asks for a multiple of 8, which also makes every F32 tensor readable in place.
  if (typeof alignment !== "number" || !Number.isInteger(alignment) || alignment <= 0 || alignment % 8 !== 0) {
    throw new GgufError(`general.alignment is ${String(alignment)}; it must be a positive multiple of 8.`);
  }
  return alignment;
}

/** Reads one tensor description. Its offset still counts from the start of the data section. */
function readTensorInfo(cursor: Cursor, alignment: number): GgufTensor {
  const name = cursor.string("a tensor name", MAX_KEY_BYTES);
  const dimensionCount = cursor.u32(`the dimension count of ${name}`);
  if (dimensionCount < 1 || dimensionCount > MAX_DIMENSIONS) throw new GgufError(`${name} has ${dimensionCount} dimensions.`);
  const dimensions: number[] = [];
  let elements = 1;
  for (let i = 0; i < dimensionCount; i++) {
    const size = cursor.size(`a dimension of ${name}`);
    elements *= size;
    if (size === 0 || !Number.isSafeInteger(elements)) throw new GgufError(`${name} has an impossible dimension of ${size}.`);
    dimensions.push(size);
  }
  const typeNumber = cursor.u32(`the type of ${name}`);
  const layout = TENSOR_TYPES.get(typeNumber);
  if (!layout) throw new GgufError(`${name} has tensor type ${typeNumber}; only F32 (0), F16 (1) and Q8_0 (8) are supported.`);
  const rowLength = dimensions[0] ?? 0;
  if (rowLength % layout.blockElements !== 0)
    throw new GgufError(`${name} has rows of ${rowLength}, not a multiple of ${layout.blockElements}.`);
  const offset = cursor.size(`the offset of ${name}`);
  if (offset % alignment !== 0) throw new GgufError(`${name} starts at ${offset}, which is not aligned to ${alignment}.`);
  const byteLength = (elements / layout.blockElements) * layout.blockBytes;
  return { name, type: layout.type, dimensions, elements, offset, byteLength };
}

/**
 * Reads a GGUF v3 file (github.com/ggml-org/ggml, docs/gguf.md): all metadata types, tensors in F32, F16 and Q8_0.
 * Nothing is copied; tensors point into `buffer`. Every count, length and offset is checked before it is used.
 * @throws {GgufError} when the file is truncated, inconsistent or of another version
 */
export function readGguf(buffer: ArrayBuffer): GgufFile {
  const bytes = new Uint8Array(buffer);
  const cursor = new Cursor(bytes);
  if (cursor.u32("the magic number") !== MAGIC) throw new GgufError("Not a GGUF file: the magic number is wrong.");
  const version = cursor.u32("the version");
  if (version !== VERSION) throw new GgufError(`GGUF version ${version} is not supported, only ${VERSION}.`);
  const tensorCount = cursor.size("the tensor count");
  const metadata = readMetadata(cursor, cursor.size("the metadata count"));
  const alignment = alignmentOf(metadata);

  const infos: GgufTensor[] = [];
  for (let i = 0; i < tensorCount; i++) infos.push(readTensorInfo(cursor, alignment));

  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const info of infos) {
    const offset = dataStart + info.offset;
    if (offset + info.byteLength > bytes.byteLength) throw new GgufError(`Truncated: ${info.name} ends beyond the end of the file.`);
    if (tensors.has(info.name)) throw new GgufError(`The tensor ${info.name} occurs twice.`);
    tensors.set(info.name, { ...info, offset });
  }
  return { bytes, metadata, tensors };
}

/** A tensor by name. @throws {GgufError} when it is missing or its dimensions differ */
export function requireTensor(file: GgufFile, name: string, dimensions: readonly number[]): GgufTensor {
  const tensor = file.tensors.get(name);
  if (!tensor) throw new GgufError(`The tensor ${name} is missing.`);
  if (tensor.dimensions.join() !== dimensions.join()) {
    throw new GgufError(`${name} is ${tensor.dimensions.join(" x ")}; ${dimensions.join(" x ")} was expected.`);
  }
  return tensor;
}

/** A finite number in the metadata. @throws {GgufError} when it is missing, unless a fallback is given */
export function metadataNumber(file: GgufFile, key: string, fallback?: number): number {
  const value = file.metadata.get(key) ?? fallback;
  if (typeof value !== "number" || !Number.isFinite(value)) throw new GgufError(`The metadata ${key} is not a number.`);
  return value;
}

/** A list of strings in the metadata. @throws {GgufError} when it is missing or holds anything else */
export function metadataStrings(file: GgufFile, key: string): string[] {
  const value = file.metadata.get(key);
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string"))
    throw new GgufError(`The metadata ${key} is not a list of strings.`);
  return value;
}

/** A list of numbers in the metadata. @throws {GgufError} when it is missing or holds anything else */
export function metadataNumbers(file: GgufFile, key: string): number[] {
  const value = file.metadata.get(key);
  if (!Array.isArray(value) || !value.every((item) => typeof item === "number"))
    throw new GgufError(`The metadata ${key} is not a list of numbers.`);
  return value;
}

/** IEEE 754 binary16 to a number. */
function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const mantissa = half & 1023;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** The tensor's elements as float32, row after row. For norms, tests and tools; the engine unpacks matrices in its kernel. */
export function readFloats(file: GgufFile, tensor: GgufTensor): Float32Array {
  const view = new DataView(file.bytes.buffer, file.bytes.byteOffset + tensor.offset, tensor.byteLength);
  const floats = new Float32Array(tensor.elements);
  const read: Record<TensorType, (i: number) => number> = {
    F32: (i) => view.getFloat32(i * 4, true),
    F16: (i) => halfToNumber(view.getUint16(i * 2, true)),
    Q8_0: (i) => {
      const block = Math.floor(i / 32) * 34;
      return halfToNumber(view.getUint16(block, true)) * view.getInt8(block + 2 + (i % 32));
    },
  };
  const readAt = read[tensor.type];
  for (let i = 0; i < floats.length; i++) floats[i] = readAt(i);
  return floats;
}
