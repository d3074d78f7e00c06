import fc from "fast-check";
import { expect, test } from "vitest";
import { formatNote, noteSigner, noteVerifier, openNote, parseNote, signNote } from "./note.ts";

const pieces = () =>
  fc.array(fc.constantFrom("— ", "—", " ", "\n", "\n\n", "a", "name", "Uw2QOkn8", "Uw2QOkn8srV1", "=", "+", "\u00a0", "\u0000", "\ud800"), {
    maxLength: 14,
  });

test("any text at all is a note or is refused, never an error", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      expect(() => parseNote(text)).not.toThrow();
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(() => parseNote(bytes)).not.toThrow();
    }),
  );
});

test("a note is read only if it is the one that would be written", () => {
  const almost = pieces().map((parts) => `text\n\n— name Uw2QOkn8srV1\n${parts.join("")}`);
  fc.assert(
    fc.property(almost, (text) => {
      const note = parseNote(text);
      expect(note === undefined ? text : formatNote(note)).toBe(text);
    }),
    { numRuns: 500 },
  );
});

test("every text that can be signed opens again", async () => {
  const signer = await noteSigner("weir.test/n", new Uint8Array(32).fill(1));
  const verifier = await noteVerifier(signer.vkey);
  const text = fc.string({ unit: "grapheme" }).filter((line) => line.split("").every((character) => character >= " "));
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 4 }), async (lines) => {
      const signed = `${lines.join("\n")}\n`;
      expect(await openNote(await signNote(signed, [signer]), verifier ? [verifier] : [])).toMatchObject({ ok: true, text: signed });
    }),
    { numRuns: 30 },
  );
});
