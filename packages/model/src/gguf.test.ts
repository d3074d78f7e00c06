import fc from "fast-check";
import { expect, test } from "vitest";
import { GgufError, metadataNumber, readFloats, readGguf, requireTensor } from "./gguf.ts";
import { loadFromDisk } from "./load-from-disk.ts";

/** Little-endian bytes of a GGUF file, built field by field. */
class Builder {
  readonly bytes: number[] = [];

  number(size: 1 | 2 | 4 | 8, value: number | bigint): this {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (let i = 0; i < size; i++) {
      this.bytes.push(Number(rest & 255n));
      rest >>= 8n;
    }
    return this;
  }

  float(value: number): this {
    this.bytes.push(...new Uint8Array(new Float32Array([value]).buffer));
    return this;
  }

  double(value: number): this {
    this.bytes.push(...new Uint8Array(new Float64Array([value]).buffer));
    return this;
  }

  string(text: string): this {
    const encoded = new TextEncoder().encode(text);
    this.number(8, encoded.length).bytes.push(...encoded);
    return this;
  }

  key(name: string, type: number): this {
    return this.string(name).number(4, type);
  }

  zerosUntil(length: number): this {
    while (this.bytes.length < length) this.bytes.push(0);
    return this;
  }

  pad(alignment: number): this {
    return this.zerosUntil(Math.ceil(this.bytes.length / alignment) * alignment);
  }

  build(): ArrayBuffer {
    return Uint8Array.from(this.bytes).buffer;
  }
}

const header = (tensors: number | bigint, keys: number | bigint): Builder =>
  new Builder().number(4, 0x46554747).number(4, 3).number(8, tensors).number(8, keys);

/** One key of every value type and one tensor of every supported type. */
function aCompleteFile(): ArrayBuffer {
  const file = header(3, 15);
  file.key("general.alignment", 4).number(4, 32);
  file.key("u8", 0).number(1, 200).key("i8", 1).number(1, -5).key("u16", 2).number(2, 60_000).key("i16", 3).number(2, -300);
  file.key("u32", 4).number(4, 4_000_000_000).key("i32", 5).number(4, -7).key("f32", 6).float(0.5).key("bool", 7).number(1, 1);
  file
    .key("string", 8)
    .string("水 water")
    .key("u64", 10)
    .number(8, 2n ** 60n)
    .key("i64", 11)
    .number(8, -9)
    .key("f64", 12)
    .double(0.1);
  file.key("array", 9).number(4, 8).number(8, 2).string("a").string("b");
  file.key("nested", 9).number(4, 9).number(8, 1).number(4, 4).number(8, 2).number(4, 1).number(4, 2);
  file.string("floats").number(4, 1).number(8, 2).number(4, 0).number(8, 0);
  file.string("halves").number(4, 1).number(8, 3).number(4, 1).number(8, 64);
  file.string("blocks").number(4, 2).number(8, 32).number(8, 1).number(4, 8).number(8, 128);
  file.pad(32).float(1.5).float(-2);
  const start = file.bytes.length - 8;
  file
    .zerosUntil(start + 64)
    .number(2, 0x3c00)
    .number(2, 0xc000)
    .number(2, 0x0001);
  file.zerosUntil(start + 128).number(2, 0x3800);
  for (let i = 0; i < 32; i++) file.number(1, i - 16);
  return file.build();
}

/** Reads and returns the refusal; anything but a GgufError fails the test. */
function refusal(buffer: ArrayBuffer): string {
  try {
    readGguf(buffer);
  } catch (error) {
    if (error instanceof GgufError) return error.message;
    throw error;
  }
  return "accepted";
}

test("every metadata type is read with its exact value", () => {
  const { metadata } = readGguf(aCompleteFile());
  expect(Object.fromEntries(metadata)).toEqual({
    "general.alignment": 32,
    u8: 200,
    i8: -5,
    u16: 60_000,
    i16: -300,
    u32: 4_000_000_000,
    i32: -7,
    f32: 0.5,
    bool: true,
    string: "水 water",
    u64: 2n ** 60n,
    i64: -9,
    f64: 0.1,
    array: ["a", "b"],
    nested: [[1, 2]],
  });
});

test("F32, F16 and Q8_0 tensors are dequantised", () => {
  const file = readGguf(aCompleteFile());
  expect([...readFloats(file, requireTensor(file, "floats", [2]))]).toEqual([1.5, -2]);
  expect([...readFloats(file, requireTensor(file, "halves", [3]))]).toEqual([1, -2, 2 ** -24]);
  expect([...readFloats(file, requireTensor(file, "blocks", [32, 1]))]).toEqual(Array.from({ length: 32 }, (_, i) => (i - 16) / 2));
});

test("a file of another kind or version is refused", () => {
  expect(refusal(Uint8Array.from(new TextEncoder().encode("not a gguf file at all, sorry")).buffer)).toContain("magic");
  expect(refusal(new Builder().number(4, 0x46554747).number(4, 2).number(8, 0).number(8, 0).build())).toContain("version 2");
});

test("hostile counts and lengths are refused before anything is allocated", () => {
  expect(refusal(header(0, 2n ** 63n).build())).toContain("too large");
  expect(refusal(header(0, 2 ** 40).build())).toContain("Truncated");
  expect(refusal(header(2 ** 40, 0).build())).toContain("Truncated");
  expect(refusal(header(0, 1).number(8, 60_000).build())).toContain("Truncated");
  expect(
    refusal(
      header(0, 1)
        .number(8, 2 ** 20)
        .build(),
    ),
  ).toContain("at most");
  expect(
    refusal(
      header(0, 1)
        .key("a", 9)
        .number(4, 0)
        .number(8, 2 ** 50)
        .build(),
    ),
  ).toContain("elements");
  let nested = header(0, 1).key("a", 9);
  for (let i = 0; i < 1000; i++) nested = nested.number(4, 9).number(8, 1);
  expect(refusal(nested.build())).toContain("nests");
});

test("hostile tensors are refused", () => {
  const tensor = (dimension: number | bigint, type: number, offset: number): ArrayBuffer =>
    header(1, 0).string("t").number(4, 1).number(8, dimension).number(4, type).number(8, offset).pad(32).build();
  expect(refusal(tensor(8, 0, 0))).toContain("beyond the end");
  expect(refusal(tensor(8, 0, 2 ** 50))).toContain("beyond the end");
  expect(refusal(tensor(2 ** 52, 0, 0))).toContain("beyond the end");
  expect(refusal(tensor(0, 0, 0))).toContain("impossible");
  expect(refusal(tensor(33, 8, 0))).toContain("multiple of 32");
  expect(refusal(tensor(8, 0, 4))).toContain("aligned");
  expect(refusal(tensor(8, 2, 0))).toContain("only F32");
  const many = header(1, 0).string("t").number(4, 4);
  for (let i = 0; i < 4; i++) many.number(8, 2 ** 30);
  expect(refusal(many.number(4, 0).number(8, 0).build())).toContain("impossible");
});

test("an alignment that is not a positive multiple of 8 is refused", () => {
  for (const alignment of [0, 4, 12])
    expect(refusal(header(0, 1).key("general.alignment", 4).number(4, alignment).build())).toContain("alignment");
  expect(refusal(header(0, 1).key("general.alignment", 8).string("32").build())).toContain("alignment");
});

test("a file cut anywhere is refused with a GgufError", () => {
  const whole = new Uint8Array(aCompleteFile());
  for (let length = 0; length < whole.length; length++) expect(refusal(whole.slice(0, length).buffer)).not.toBe("accepted");
});

test("flipped bytes are refused or read, never a crash, a hang or a large allocation", () => {
  const whole = new Uint8Array(aCompleteFile());
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }), (edits) => {
      const copy = whole.slice();
      for (const [at, value] of edits) copy[at] = value;
      expect(typeof refusal(copy.buffer)).toBe("string");
    }),
    { numRuns: 2000 },
  );
});

test("the shipped weights survive cuts and flips in the same way", () => {
  const { weights } = loadFromDisk();
  expect(metadataNumber(readGguf(weights), "llama.block_count")).toBe(5);
  fc.assert(
    fc.property(fc.nat(140_000), fc.nat(255), fc.boolean(), (at, value, cut) => {
      const copy = new Uint8Array(weights.slice(0, cut ? at : weights.byteLength));
      copy[Math.min(at, copy.length - 1)] = value;
      expect(typeof refusal(copy.buffer)).toBe("string");
    }),
    { numRuns: 40 },
  );
});
