import { expect, test } from "vitest";
import { argMax, sample, seededRandom } from "./sampling.ts";

const logits = Float32Array.of(1, 3, 2, -1);

test("temperature 0 takes the likeliest token and draws no random number", () => {
  const refuse = (): number => {
    throw new Error("drawn");
  };
  expect(sample(logits, { temperature: 0, topP: 1 }, refuse)).toBe(1);
  expect(argMax(Float32Array.of(2, 5, 5))).toBe(1);
});

test("draws follow the softmax probabilities", () => {
  const random = seededRandom(1);
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 20_000; i++) {
    const token = sample(logits, { temperature: 1, topP: 1 }, random);
    counts[token] = (counts[token] ?? 0) + 1;
  }
  const total = [...logits].reduce((sum, value) => sum + Math.exp(value), 0);
  for (const [token, count] of counts.entries()) expect(count / 20_000).toBeCloseTo(Math.exp(logits[token] ?? 0) / total, 1);
});

test("nucleus sampling draws only from the likeliest tokens that make up topP", () => {
  const random = seededRandom(2);
  const drawn = new Set(Array.from({ length: 2000 }, () => sample(logits, { temperature: 1, topP: 0.8 }, random)));
  expect([...drawn].toSorted((a, b) => a - b)).toEqual([1, 2]);
});

test("a seed gives the same numbers again, another seed others, all in [0, 1)", () => {
  const draw = (seed: number): number[] => Array.from({ length: 1000 }, seededRandom(seed));
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
  expect(draw(9).every((value) => value >= 0 && value < 1)).toBe(true);
});
