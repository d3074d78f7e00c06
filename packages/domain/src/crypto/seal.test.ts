import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { keyedIndex, seal, unseal, type KeyUse } from "./seal.ts";

const cellKey = (byte: number) => Buffer.alloc(32, byte).toString("base64");
const CELL_KEY = cellKey(1);
const TENANT = "t_eu_00000000000000000000000000";
const OTHER = "t_eu_00000000000000000000000001";
const USES: KeyUse[] = ["credential", "reference", "reference-index", "log-signing-key"];

describe("what is sealed", () => {
  test("is opened unchanged for the same use and owner", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme" }), fc.constantFrom(...USES), async (text, use) => {
        const sealed = await seal(CELL_KEY, use, TENANT, text);
        expect(await unseal(CELL_KEY, use, TENANT, sealed)).toBe(text);
        expect(sealed).toMatch(/^s1\.[A-Za-z0-9+/]+=*$/);
      }),
      { numRuns: 50 },
    );
  });

  test("looks different each time, so equal secrets cannot be told apart from others", async () => {
    const sealed = await Promise.all(Array.from({ length: 50 }, () => seal(CELL_KEY, "credential", TENANT, "secret")));
    expect(new Set(sealed).size).toBe(50);
  });

  test("does not open for another tenant, use or cell", async () => {
    const sealed = await seal(CELL_KEY, "credential", TENANT, "secret");
    await expect(unseal(CELL_KEY, "credential", OTHER, sealed)).rejects.toMatchObject({ name: "OperationError" });
    for (const use of USES.filter((other) => other !== "credential"))
      await expect(unseal(CELL_KEY, use, TENANT, sealed)).rejects.toMatchObject({ name: "OperationError" });
    await expect(unseal(cellKey(2), "credential", TENANT, sealed)).rejects.toMatchObject({ name: "OperationError" });
  });

  test("does not open when any one bit is another", async () => {
    const sealed = await seal(CELL_KEY, "credential", TENANT, "secret");
    const bytes = Buffer.from(sealed.slice(3), "base64");
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const altered = Buffer.from(bytes);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await expect(unseal(CELL_KEY, "credential", TENANT, `s1.${altered.toString("base64")}`), `bit ${bit}`).rejects.toMatchObject({
        name: "OperationError",
      });
    }
  });

  test.each(["", "s1.", "s2.AAAA", "secret", "s1.!!!", `s1.${"A".repeat(36)}`])("is not %j", async (text) => {
    await expect(unseal(CELL_KEY, "credential", TENANT, text)).rejects.toBeInstanceOf(Error);
  });
});

describe("a keyed index", () => {
  test("is the same for the same value, and for no other value, tenant, use or cell", async () => {
    const index = await keyedIndex(CELL_KEY, "reference-index", TENANT, "person-1");
    expect(index).toMatch(/^[0-9a-f]{64}$/);
    expect(await keyedIndex(CELL_KEY, "reference-index", TENANT, "person-1")).toBe(index);
    const others = await Promise.all([
      keyedIndex(CELL_KEY, "reference-index", TENANT, "person-2"),
      keyedIndex(CELL_KEY, "reference-index", OTHER, "person-1"),
      keyedIndex(CELL_KEY, "reference", TENANT, "person-1"),
      keyedIndex(cellKey(2), "reference-index", TENANT, "person-1"),
    ]);
    expect(new Set([index, ...others]).size).toBe(5);
  });
});

test.each(["", "AAAA", Buffer.alloc(31).toString("base64"), Buffer.alloc(33).toString("base64")])(
  "a cell's key of %j is refused",
  async (key) => {
    await expect(seal(key, "credential", TENANT, "secret")).rejects.toThrow("CELL_KEY must be 32 bytes");
  },
);
