import { WeirError } from "@weir/domain/errors";
import fc from "fast-check";
import { expect, test } from "vitest";
import { subjectReference } from "./subject-of-request.ts";

const thrownBy = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

test("nobody is named where nothing, or an empty text, was sent", () => {
  expect(subjectReference({ header: undefined })).toBeUndefined();
  expect(subjectReference({ header: "", safety_identifier: "", user: undefined })).toBeUndefined();
});

test("any of the three names the person, and all three may name the same", () => {
  expect(subjectReference({ header: "ada" })).toBe("ada");
  expect(subjectReference({ header: undefined, safety_identifier: "ada" })).toBe("ada");
  expect(subjectReference({ header: undefined, user: "ada" })).toBe("ada");
  expect(subjectReference({ header: "ada", safety_identifier: "ada", user: "ada" })).toBe("ada");
});

test("two that differ are refused, whichever two they are", () => {
  const name = fc.string({ minLength: 1, maxLength: 256, unit: "grapheme-ascii" });
  const named = fc.record({ header: fc.option(name, { nil: undefined }), safety_identifier: fc.option(name), user: fc.option(name) });
  fc.assert(
    fc.property(named, ({ header, safety_identifier, user }) => {
      const given = { header, safety_identifier: safety_identifier ?? undefined, user: user ?? undefined };
      const names = new Set(
        Object.values(given)
          .map((value) => value?.trim())
          .filter((value) => value !== undefined && value !== ""),
      );
      const result = thrownBy(() => subjectReference(given));
      expect(result instanceof WeirError ? result.code : result).toBe(names.size > 1 ? "subject_conflict" : [...names][0]);
    }),
  );
});

test("a reference that is too long is refused, and the message does not repeat it", () => {
  const long = "x".repeat(257);
  const error = thrownBy(() => subjectReference({ header: undefined, user: long }));
  expect(error).toBeInstanceOf(WeirError);
  expect(error).toMatchObject({ code: "invalid_request", message: expect.not.stringContaining(long) });
  expect(subjectReference({ header: "x".repeat(256) })).toHaveLength(256);
});

test("space around a name makes nobody else of it", () => {
  expect(subjectReference({ header: undefined, user: " ada ", safety_identifier: "ada" })).toBe("ada");
  expect(subjectReference({ header: undefined, user: "  " })).toBeUndefined();
});

test("a header in UTF-8 names the same person as the body does, one in Latin-1 too", () => {
  const asHeader = (name: string) => String.fromCharCode(...new TextEncoder().encode(name));
  for (const name of ["Zoë", "李", "Ωmega"]) expect(subjectReference({ header: asHeader(name), user: name })).toBe(name);
  expect(subjectReference({ header: "Zo\u00eb", user: "Zoë" })).toBe("Zoë");
});
