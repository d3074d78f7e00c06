export interface SamplingOptions {
  /** 0 takes the likeliest token; higher values flatten the distribution. */
  temperature: number;
  /** Nucleus sampling (Holtzman et al. 2020): the likeliest tokens whose probabilities add up to this. */
  topP: number;
}

/** Numbers in [0, 1) from a 32-bit seed (mulberry32). For reproducible sampling, not for secrets. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The index of the largest value; the first one among equals. */
export function argMax(values: Float32Array): number {
  let best = 0;
  let largest = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? -Infinity;
    if (value > largest) {
      largest = value;
      best = i;
    }
  }
  return best;
}

/** Draws a token from logits. `random` gives numbers in [0, 1); it is not called at temperature 0. */
export function sample(logits: Float32Array, { temperature, topP }: SamplingOptions, random: () => number): number {
  const best = argMax(logits);
  if (temperature <= 0 || topP <= 0) return best;
  const peak = logits[best] ?? 0;
  const candidates: { token: number; weight: number }[] = [];
  let total = 0;
  for (let token = 0; token < logits.length; token++) {
    const weight = Math.exp(((logits[token] ?? -Infinity) - peak) / temperature);
    total += weight;
    // Even all tokens below 1e-6 of the likeliest together are too rare to matter, and leaving them out keeps the sort short.
    if (weight > 1e-6) candidates.push({ token, weight });
  }
  candidates.sort((a, b) => b.weight - a.weight || a.token - b.token);

  let kept = 0;
  let nucleus = 0;
  for (const { weight } of candidates) {
    kept++;
    nucleus += weight;
    if (nucleus >= topP * total) break;
  }
  let left = random() * nucleus;
  for (const { token, weight } of candidates.slice(0, kept)) {
    left -= weight;
    if (left < 0) return token;
  }
  return best;
}
