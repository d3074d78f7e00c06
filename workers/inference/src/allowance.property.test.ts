import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootGateState } from "../../../tests/support/gate-state.ts";
import type { CreditState, CreditStep } from "../../../tests/support/gate-state-worker.ts";

let gate: Awaited<ReturnType<typeof bootGateState>>;

beforeAll(async () => {
  gate = await bootGateState();
});

afterAll(() => gate.stop());

const credit = (granted: string, steps: CreditStep[]) => gate.run<CreditState[]>({ granted, credit: steps });
const works = { network: "works" } as const;
/** A state in numbers; `total` is all that the Gate knows of. */
function inPicos({ free, held, charged, setAside, available }: CreditState) {
  const total = BigInt(free) + BigInt(held) + BigInt(charged);
  return { free: BigInt(free), held: BigInt(held), setAside: BigInt(setAside), available: BigInt(available), total };
}

const ids = (state: CreditState | undefined) => state?.asked.map(({ id }) => id);
/** Frees what is held, learns every answer that was lost, returns what is left. */
const SETTLED: CreditStep[] = [{ do: "expire" }, { do: "finish" }];

const network = fc.constantFrom("works", "works", "loses the question", "loses the answer");
const picos = fc.integer({ min: 1, max: 40_000 });
const step: fc.Arbitrary<CreditStep> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("request"), picos, currency: fc.constantFrom("USD", "USD", "USD", "EUR"), network }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("settle"), oldest: fc.nat(5), picos: fc.nat(50_000) }) },
  fc.record({ do: fc.constant("settle again") }),
  fc.record({ do: fc.constant("give back"), network }),
  fc.record({ do: fc.constant("finish") }),
  fc.record({ do: fc.constant("both"), picos, network }),
  fc.record({ do: fc.constant("expire") }),
  fc.record({ do: fc.constant("crash") }),
);

describe("whatever happens to requests, to the network and to the process", () => {
  test("no more is charged than was granted, nothing is lost and nothing is invented", async () => {
    await fc.assert(
      fc.asyncProperty(fc.bigInt({ min: 0n, max: 500n }), fc.array(step, { maxLength: 40 }), async (grantedNanos, steps) => {
        const granted = grantedNanos * 1000n;
        const states = await credit(grantedNanos.toString(), [...steps, ...SETTLED]);
        for (const { free, held, setAside, available, total } of states.map(inPicos)) {
          expect(free >= 0n && held >= 0n).toBe(true);
          // The Gate may know of less than billing has set aside, while an answer is on its way, and never of more.
          expect(total).toBeLessThanOrEqual(setAside);
          expect(setAside + available).toBe(granted);
        }
        const certain = states.filter(({ unanswered }) => !unanswered.reserve && !unanswered.release).map(inPicos);
        expect(certain.map(({ total }) => total)).toEqual(certain.map(({ setAside }) => setAside));
        const last = states.at(-1);
        expect(last?.unanswered).toEqual({ reserve: false, release: false });
        expect(last?.held).toBe("0");
        // What is returned is whole units of 10^-9; a smaller rest stays for the next request.
        expect(BigInt(last?.free ?? 0)).toBeLessThan(1000n);
      }),
      { numRuns: 300 },
    );
  }, 120_000);

  test("a movement whose answer is not known is asked for again under the same id, before any other of its kind", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const states = await credit("300", steps);
        const lost: Record<string, string | undefined> = {};
        const others: string[] = [];
        for (const { kind, id, answered } of states.flatMap(({ asked }) => asked)) {
          if (lost[kind] !== undefined && lost[kind] !== id) others.push(id);
          lost[kind] = answered ? undefined : id;
        }
        expect(others).toEqual([]);
      }),
      { numRuns: 100 },
    );
  }, 60_000);
});

describe("an answer that was lost", () => {
  test.each(["loses the question", "loses the answer"] as const)(
    "is asked for again with the same id, after a crash too (the network %s)",
    async (fault) => {
      const [lost, , again] = await credit("100", [
        { do: "request", picos: 5_000, currency: "USD", network: fault },
        { do: "crash" },
        { do: "request", picos: 5_000, currency: "USD", ...works },
      ]);
      expect(lost).toMatchObject({ free: "0", held: "0", unanswered: { reserve: true } });
      expect(again).toMatchObject({ held: "5000", unanswered: { reserve: false } });
      expect([ids(lost), ids(again)]).toEqual([["tx_1"], ["tx_1"]]);
    },
  );

  test.each(["loses the question", "loses the answer"] as const)(
    "to a release is learned before more is asked for (the network %s)",
    async (fault) => {
      const states = await credit("100", [
        { do: "request", picos: 100_000, currency: "USD", ...works },
        { do: "settle", oldest: 0, picos: 0 },
        { do: "give back", network: fault },
        { do: "request", picos: 100_000, currency: "USD", ...works },
      ]);
      expect(states[2]).toMatchObject({ free: "0", unanswered: { release: true } });
      expect(states[3]).toMatchObject({ held: "100000", unanswered: { release: false } });
      expect(ids(states[3])).toEqual(["tx_2", "tx_3"]);
    },
  );
});

test("credit in one currency holds no request that is priced in another, and a free request needs none", async () => {
  const [first, other, free] = await credit("100", [
    { do: "request", picos: 1_000, currency: "USD", ...works },
    { do: "request", picos: 1_000, currency: "EUR", ...works },
    { do: "request", picos: 0, currency: "EUR", ...works },
  ]);
  expect(first).toMatchObject({ held: "1000" });
  expect(other).toMatchObject({ held: "1000" });
  expect(free).toMatchObject({ held: "1000", asked: [] });
});

test("a request is never charged more than it held, and once", async () => {
  const states = await credit("100", [
    { do: "request", picos: 1_000, currency: "USD", ...works },
    { do: "settle", oldest: 0, picos: 9_999 },
    { do: "settle again" },
  ]);
  expect(states.map(({ charged }) => charged)).toEqual(["0", "1000", "1000"]);
});

test("a busy tenant asks billing ever less often", async () => {
  const steps = Array.from({ length: 500 }, (): CreditStep => ({ do: "request", picos: 1_000, currency: "USD", ...works }));
  const states = await credit("1000000", steps);
  expect(states.at(-1)?.held).toBe("500000");
  expect(states.flatMap(({ asked }) => asked).length).toBeLessThan(7);
});
