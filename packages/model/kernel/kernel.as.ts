// The hot loops of the forward pass, in AssemblyScript, compiled to WebAssembly SIMD.
// Every pointer is a byte offset into this module's own memory; the caller lays that memory out (src/llama.ts).
// Preconditions, checked once by the caller and never here: row lengths are multiples of 32, head sizes multiples of 4.

/** IEEE 754 half to single precision. */
function halfToFloat(half: u32): f32 {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 31;
  const mantissa = half & 1023;
  if (exponent == 0) {
    const subnormal = <f32>mantissa * <f32>(1.0 / 16777216.0);
    return sign ? -subnormal : subnormal;
  }
  const biased = exponent == 31 ? 255 : exponent + 112;
  return reinterpret<f32>(sign | (biased << 23) | (mantissa << 13));
}

/** Q8_0 blocks of a GGUF file (half scale, 32 int8) become one plane of int8 and one of f32 scales: aligned loads, no half arithmetic later. */
export function unpackQ8(source: usize, quants: usize, scales: usize, blocks: i32): void {
  for (let block = 0; block < blocks; block++) {
    store<f32>(scales, halfToFloat(load<u16>(source)));
    v128.store(quants, v128.load(source, 2));
    v128.store(quants, v128.load(source, 18), 16);
    source += 34;
    quants += 32;
    scales += 4;
  }
}

/** out[i] = row[i], dequantised: looks a token up in the embedding matrix. */
export function dequantiseRow(quants: usize, scales: usize, out: usize, length: i32): void {
  for (let i = 0; i < length; i += 4) {
    const ints = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(quants + i)));
    const scale = f32x4.splat(load<f32>(scales + ((i >> 5) << 2)));
    v128.store(out + (<usize>i << 2), f32x4.mul(f32x4.convert_i32x4_s(ints), scale));
  }
}

// @ts-ignore: decorator
@inline
function sumLanes(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3);
}

// @ts-ignore: decorator
@inline
function maxLane(v: v128): f32 {
  return max(max(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)), max(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)));
}

/**
 * Activations in blocks of 32 with one f32 scale, kept as int16. The dot product widens int8 weights to int16 anyway, so 15 bits of
 * activation cost nothing more than 7: 32 products of 127 * 32767 stay below 2^31.
 */
export function quantise(x: usize, quants: usize, scales: usize, length: i32): void {
  for (let start = 0; start < length; start += 32) {
    let largest = f32x4.splat(0);
    for (let i: usize = 0; i < 128; i += 16) largest = f32x4.max(largest, f32x4.abs(v128.load(x + i)));
    const peak = maxLane(largest);
    store<f32>(scales, peak / 32767);
    const inverse = f32x4.splat(peak > 0 ? 32767 / peak : 0);
    for (let i: usize = 0; i < 32; i += 8) {
      const from = x + (i << 2);
      const low = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(from), inverse)));
      const high = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(from, 16), inverse)));
      v128.store(quants + (i << 1), i16x8.narrow_i32x4_s(low, high));
    }
    x += 128;
    quants += 64;
    scales += 4;
  }
}

// @ts-ignore: decorator
@inline
function blockDot(w0: v128, w1: v128, w2: v128, w3: v128, x: usize, scale: f32): v128 {
  const left = i32x4.add(i32x4.dot_i16x8_s(w0, v128.load(x)), i32x4.dot_i16x8_s(w1, v128.load(x, 16)));
  const right = i32x4.add(i32x4.dot_i16x8_s(w2, v128.load(x, 32)), i32x4.dot_i16x8_s(w3, v128.load(x, 48)));
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.add(left, right)), f32x4.splat(scale));
}

/**
 * out[t * rows + r] = sum over c of w[r, c] * x[t, c], for `tokens` activation rows at once.
 * Four tokens share one pass over the weights: widening a weight block is the dear part, and a prompt has many tokens.
 */
export function matmul(w: usize, wScales: usize, x: usize, xScales: usize, out: usize, rows: i32, cols: i32, tokens: i32): void {
  const blocks = cols >> 5;
  const xStride = <usize>cols << 1;
  const scaleStride = <usize>blocks << 2;
  const outStride = <usize>rows << 2;
  let token = 0;
  for (; token + 4 <= tokens; token += 4) {
    let weight = w;
    let weightScale = wScales;
    for (let row = 0; row < rows; row++) {
      let sum0 = f32x4.splat(0);
      let sum1 = f32x4.splat(0);
      let sum2 = f32x4.splat(0);
      let sum3 = f32x4.splat(0);
      let px = x;
      let ps = xScales;
      for (let block = 0; block < blocks; block++) {
        const w0 = v128.load8x8_s(weight);
        const w1 = v128.load8x8_s(weight, 8);
        const w2 = v128.load8x8_s(weight, 16);
        const w3 = v128.load8x8_s(weight, 24);
        const scale = load<f32>(weightScale);
        sum0 = f32x4.add(sum0, blockDot(w0, w1, w2, w3, px, scale * load<f32>(ps)));
        sum1 = f32x4.add(sum1, blockDot(w0, w1, w2, w3, px + xStride, scale * load<f32>(ps + scaleStride)));
        sum2 = f32x4.add(sum2, blockDot(w0, w1, w2, w3, px + 2 * xStride, scale * load<f32>(ps + 2 * scaleStride)));
        sum3 = f32x4.add(sum3, blockDot(w0, w1, w2, w3, px + 3 * xStride, scale * load<f32>(ps + 3 * scaleStride)));
        weight += 32;
        weightScale += 4;
        px += 64;
        ps += 4;
      }
      const at = out + (<usize>row << 2);
      store<f32>(at, sumLanes(sum0));
      store<f32>(at + outStride, sumLanes(sum1));
      store<f32>(at + 2 * outStride, sumLanes(sum2));
      store<f32>(at + 3 * outStride, sumLanes(sum3));
    }
    x += 4 * xStride;
    xScales += 4 * scaleStride;
    out += 4 * outStride;
  }
  for (; token < tokens; token++) {
    let weight = w;
    let weightScale = wScales;
    for (let row = 0; row < rows; row++) {
      let sum = f32x4.splat(0);
      let px = x;
      let ps = xScales;
      for (let block = 0; block < blocks; block++) {
        const w0 = v128.load8x8_s(weight);
        const w1 = v128.load8x8_s(weight, 8);
        const w2 = v128.load8x8_s(weight, 16);
        const w3 = v128.load8x8_s(weight, 24);
        sum = f32x4.add(sum, blockDot(w0, w1, w2, w3, px, load<f32>(weightScale) * load<f32>(ps)));
        weight += 32;
        weightScale += 4;
        px += 64;
        ps += 4;
      }
      store<f32>(out + (<usize>row << 2), sumLanes(sum));
    }
    x += xStride;
    xScales += scaleStride;
    out += outStride;
  }
}

/** RMSNorm (Zhang and Sennrich 2019), row by row: out = x / sqrt(mean(x^2) + epsilon) * weight. */
export function rmsNorm(x: usize, weight: usize, out: usize, rows: i32, length: i32, epsilon: f32): void {
  const bytes = <usize>length << 2;
  for (let row = 0; row < rows; row++) {
    let squares = f32x4.splat(0);
    for (let i: usize = 0; i < bytes; i += 16) {
      const v = v128.load(x + i);
      squares = f32x4.add(squares, f32x4.mul(v, v));
    }
    const factor = f32x4.splat(1 / sqrt<f32>(sumLanes(squares) / <f32>length + epsilon));
    for (let i: usize = 0; i < bytes; i += 16) {
      v128.store(out + i, f32x4.mul(f32x4.mul(v128.load(x + i), factor), v128.load(weight + i)));
    }
    x += bytes;
    out += bytes;
  }
}

/** x += y: the residual connections. `length` counts floats. */
export function add(x: usize, y: usize, length: i32): void {
  const bytes = <usize>length << 2;
  for (let i: usize = 0; i < bytes; i += 16) v128.store(x + i, f32x4.add(v128.load(x + i), v128.load(y + i)));
}

/**
 * Rotary position embedding (Su et al. 2021), neighbouring pairs, in place. `cosines` holds each cosine twice (c0 c0 c1 c1), `sines` each sine
 * signed (-s0 s0 -s1 s1), headSize floats a position, both already pointing at the first token's position.
 */
export function rope(x: usize, cosines: usize, sines: usize, tokens: i32, heads: i32, headSize: i32): void {
  const bytes = <usize>headSize << 2;
  for (let token = 0; token < tokens; token++) {
    for (let head = 0; head < heads; head++) {
      for (let i: usize = 0; i < bytes; i += 16) {
        const pair = v128.load(x + i);
        const swapped = v128.shuffle<f32>(pair, pair, 1, 0, 3, 2);
        const turned = f32x4.add(f32x4.mul(pair, v128.load(cosines + i)), f32x4.mul(swapped, v128.load(sines + i)));
        v128.store(x + i, turned);
      }
      x += bytes;
    }
    cosines += bytes;
    sines += bytes;
  }
}

/** e^x in four lanes: x = n ln2 + r, a degree-6 Taylor polynomial for e^r (|r| <= 0.35, error below 2^-23), n into the exponent bits. */
// @ts-ignore: decorator
@inline
function exp4(x: v128): v128 {
  const clamped = f32x4.min(f32x4.max(x, f32x4.splat(-87)), f32x4.splat(88));
  const n = f32x4.nearest(f32x4.mul(clamped, f32x4.splat(1.44269504)));
  // ln2 in two parts, so that n * ln2 loses no bits of r.
  const r = f32x4.sub(f32x4.sub(clamped, f32x4.mul(n, f32x4.splat(0.693359375))), f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let p = f32x4.add(f32x4.mul(r, f32x4.splat(1.0 / 720)), f32x4.splat(1.0 / 120));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0 / 24));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.0 / 6));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(0.5));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(p, power);
}

/** SwiGLU (Shazeer 2020): gate = silu(gate) * up. `length` counts floats. */
export function swiGlu(gate: usize, up: usize, length: i32): void {
  const bytes = <usize>length << 2;
  for (let i: usize = 0; i < bytes; i += 16) {
    const g = v128.load(gate + i);
    const silu = f32x4.div(g, f32x4.add(f32x4.splat(1), exp4(f32x4.neg(g))));
    v128.store(gate + i, f32x4.mul(silu, v128.load(up + i)));
  }
}

/**
 * Causal attention with grouped queries (Ainslie et al. 2023): heads / kvHeads query heads read one key-value head.
 * keys and values hold kvHeads * headSize floats a position, from position 0; query row t stands at position first + t and sees 0..first + t.
 * `scores` is room for the context length, rounded up to a multiple of 4 floats.
 */
export function attention(
  q: usize,
  keys: usize,
  values: usize,
  out: usize,
  scores: usize,
  tokens: i32,
  first: i32,
  heads: i32,
  kvHeads: i32,
  headSize: i32,
): void {
  const headBytes = <usize>headSize << 2;
  const rowBytes = <usize>kvHeads * headBytes;
  const group = heads / kvHeads;
  const scale: f32 = 1 / sqrt<f32>(<f32>headSize);
  for (let token = 0; token < tokens; token++) {
    const seen = first + token + 1;
    const padded = (seen + 3) & ~3;
    for (let head = 0; head < heads; head++) {
      const offset = <usize>(head / group) * headBytes;
      let key = keys + offset;
      for (let s = 0; s < seen; s++) {
        let sum = f32x4.splat(0);
        for (let i: usize = 0; i < headBytes; i += 16) sum = f32x4.add(sum, f32x4.mul(v128.load(q + i), v128.load(key + i)));
        store<f32>(scores + (<usize>s << 2), sumLanes(sum) * scale);
        key += rowBytes;
      }
      for (let s = seen; s < padded; s++) store<f32>(scores + (<usize>s << 2), -1e30);

      const scoreBytes = <usize>padded << 2;
      let largest = f32x4.splat(-1e30);
      for (let i: usize = 0; i < scoreBytes; i += 16) largest = f32x4.max(largest, v128.load(scores + i));
      const peak = f32x4.splat(maxLane(largest));
      let total = f32x4.splat(0);
      for (let i: usize = 0; i < scoreBytes; i += 16) {
        const e = exp4(f32x4.sub(v128.load(scores + i), peak));
        total = f32x4.add(total, e);
        v128.store(scores + i, e);
      }
      const inverse = f32x4.splat(1 / sumLanes(total));

      for (let i: usize = 0; i < headBytes; i += 16) {
        let mixed = f32x4.splat(0);
        let value = values + offset + i;
        for (let s = 0; s < seen; s++) {
          mixed = f32x4.add(mixed, f32x4.mul(v128.load32_splat(scores + (<usize>s << 2)), v128.load(value)));
          value += rowBytes;
        }
        v128.store(out + i, f32x4.mul(mixed, inverse));
      }
      q += headBytes;
      out += headBytes;
    }
  }
}
