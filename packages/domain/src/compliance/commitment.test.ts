import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toHex } from "../encoding/hex.ts";
import { commit, eventKey, newEventSalt, verifyOpening, type Opening } from "./commitment.ts";
import { withFlippedBit } from "./some-leaves.ts";

function anOpening(changes: Partial<Opening> = {}): Opening {
  const payload = { purpose: "inference", decision: "granted", at: 1_790_000_000 };
  return { key: new Uint8Array(32).fill(1), salt: new Uint8Array(32).fill(2), eventId: "evt_eu_1", payload, ...changes };
}

describe("commitments to events", () => {
  test("are the two HMACs that openssl computes", async () => {
    expect(toHex(await eventKey(anOpening()))).toBe("f69a9c7e1799603c87b0824c15dd0168dfb55e8a2bbed97f201ade69c3e76f5a");
    expect(toHex(await commit(anOpening()))).toBe("bafb04dd2cbe3045646f80ec1d7ecb97b451a52df22074e057105b0ef19326c4");
  });

  test("open with what was committed to, whatever the order of its members", async () => {
    const commitment = await commit(anOpening());
    const payload = { at: 1_790_000_000, decision: "granted", purpose: "inference" };
    expect(await verifyOpening(commitment, anOpening({ payload }))).toBe(true);
  });

  test("editing any bit of key, salt or commitment, or the id or the payload, does not open", async () => {
    const commitment = await commit(anOpening());
    await fc.assert(
      fc.asyncProperty(fc.nat(255), async (bit) => {
        const { key, salt } = anOpening();
        expect(await verifyOpening(commitment, anOpening({ key: withFlippedBit(key, bit) }))).toBe(false);
        expect(await verifyOpening(commitment, anOpening({ salt: withFlippedBit(salt, bit) }))).toBe(false);
        expect(await verifyOpening(withFlippedBit(commitment, bit), anOpening())).toBe(false);
      }),
      { numRuns: 20 },
    );
    expect(await verifyOpening(commitment, anOpening({ eventId: "evt_eu_2" }))).toBe(false);
    expect(await verifyOpening(commitment, anOpening({ payload: { purpose: "training" } }))).toBe(false);
  });

  test("two events with one payload look unrelated", async () => {
    const [a, b] = await Promise.all([commit(anOpening({ salt: newEventSalt() })), commit(anOpening({ salt: newEventSalt() }))]);
    expect(a).not.toEqual(b);
  });

  test.each([0, 16, 31, 33, 64])("a key or a salt of %d bytes is refused, so none opens as another padded with zeroes", async (length) => {
    await expect(commit(anOpening({ key: new Uint8Array(length) }))).rejects.toThrow(RangeError);
    await expect(commit(anOpening({ salt: new Uint8Array(length) }))).rejects.toThrow(RangeError);
    expect(await verifyOpening(await commit(anOpening()), anOpening({ key: new Uint8Array(length) }))).toBe(false);
  });

  test("an event without an id, or with a lone surrogate in it, is refused", async () => {
    await expect(commit(anOpening({ eventId: "" }))).rejects.toThrow(RangeError);
    await expect(commit(anOpening({ eventId: "\ud800" }))).rejects.toThrow(RangeError);
  });

  test("a payload that is not JSON is refused, and opens nothing", async () => {
    await expect(commit(anOpening({ payload: { at: undefined } }))).rejects.toMatchObject({ code: "unprocessable" });
    expect(await verifyOpening(new Uint8Array(32), anOpening({ payload: Number.NaN }))).toBe(false);
  });
});
