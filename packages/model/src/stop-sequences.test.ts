import fc from "fast-check";
import { expect, test } from "vitest";
import { StopSequences } from "./stop-sequences.ts";

test("however a text is cut into pieces, the result ends before the first stop sequence", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 30 });
  const stop = fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(text, { maxLength: 6 }), fc.array(stop, { maxLength: 3 }), (pieces, stops) => {
      const stream = new StopSequences(stops);
      const out = pieces.map((piece) => stream.push(piece)).join("") + stream.flush();
      const whole = pieces.join("");
      const ends = stops.map((sequence) => whole.indexOf(sequence)).filter((at) => at >= 0);
      expect(stops.some((sequence) => out.includes(sequence))).toBe(false);
      expect(whole.startsWith(out)).toBe(true);
      expect(stream.stopped).toBe(ends.length > 0);
      expect(out === whole).toBe(ends.length === 0);
    }),
  );
});

test("text that cannot begin a stop sequence is not held back", () => {
  const stream = new StopSequences(["END"]);
  expect(stream.push("hello E")).toBe("hello ");
  expect(stream.push("N")).toBe("");
  expect(stream.push("ough")).toBe("ENough");
  expect(stream.push(" END tail")).toBe(" ");
  expect(stream.stopped).toBe(true);
  expect(stream.push("more") + stream.flush()).toBe("");
});
