import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootGateState } from "../../../tests/support/gate-state.ts";
import type { EventStep } from "../../../tests/support/gate-state-worker.ts";

interface Told {
  messages: { id: string; events: string[] }[];
  kept: number;
  nextSend: number | null;
}

let gate: Awaited<ReturnType<typeof bootGateState>>;

beforeAll(async () => {
  gate = await bootGateState();
});

afterAll(() => gate.stop());

const MINUTE = 60_000;
const tell = (steps: EventStep[]) => gate.run<Told>({ events: steps });
const flush = (now: number, refusing = false): EventStep => ({ do: "flush", now, refusing });
const confirmed: EventStep[] = [
  { do: "confirm", worker: "metering" },
  { do: "confirm", worker: "compliance" },
];

test("events are told in packs of up to a hundred, in order, and kept until every subscriber has recorded them", async () => {
  const sent = await tell([{ do: "add", count: 250 }, flush(MINUTE)]);
  expect(sent.messages.map(({ events }) => events.length)).toEqual([100, 100, 50]);
  expect(sent.messages.flatMap(({ events }) => events)).toEqual(Array.from({ length: 250 }, (_, index) => `req_${index + 1}`));
  expect(sent.kept).toBe(250);
  const half = await tell([{ do: "add", count: 250 }, flush(MINUTE), { do: "confirm", worker: "metering" }]);
  expect(half.kept).toBe(250);
  const all = await tell([{ do: "add", count: 250 }, flush(MINUTE), ...confirmed]);
  expect(all).toMatchObject({ kept: 0, nextSend: null });
});

test("what is not confirmed is sent again after a minute, not before, and at once after a restart", async () => {
  const add: EventStep = { do: "add", count: 1 };
  expect((await tell([add, flush(MINUTE), flush(2 * MINUTE - 1)])).messages).toHaveLength(1);
  expect((await tell([add, flush(MINUTE), flush(2 * MINUTE)])).messages).toHaveLength(2);
  expect((await tell([add, flush(MINUTE), { do: "crash" }, flush(MINUTE + 1)])).messages).toHaveLength(2);
  expect(await tell([add, flush(MINUTE)])).toMatchObject({ nextSend: 2 * MINUTE });
});

test("a queue that refused is tried again within seconds, and those that took a pack are not sent it again before its minute", async () => {
  const add: EventStep = { do: "add", count: 1 };
  const refused = await tell([add, flush(MINUTE, true)]);
  expect(refused).toMatchObject({ messages: [], nextSend: MINUTE + 5_000 });
  expect((await tell([add, flush(MINUTE, true), flush(MINUTE + 4_999)])).messages).toHaveLength(0);
  const retried = await tell([add, flush(MINUTE, true), flush(MINUTE + 5_000), flush(2 * MINUTE)]);
  expect(retried.messages).toHaveLength(1);
  // Compliance took it at first, and is due again before metering.
  expect(retried.nextSend).toBe(2 * MINUTE + 5_000);
});

test("whatever is refused, lost or sent twice: every event is told, and a pack's id always means the same events", async () => {
  const step: fc.Arbitrary<EventStep> = fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant("add"), count: fc.integer({ min: 1, max: 130 }) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant("flush"),
        refusing: fc.boolean(),
        now: fc.integer({ min: 1, max: 20 }).map((minute) => minute * MINUTE),
      }),
    },
    fc.record({ do: fc.constant("confirm"), worker: fc.constantFrom("metering", "compliance") }),
    fc.record({ do: fc.constant("crash") }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const told = await tell([...steps, flush(100 * MINUTE), ...confirmed]);
      const added = steps.reduce((sum, next) => sum + (next.do === "add" ? next.count : 0), 0);
      const packs = new Map<string, string>();
      for (const { id, events } of told.messages) {
        expect(packs.get(id) ?? events.join()).toBe(events.join());
        packs.set(id, events.join());
      }
      const events = [...packs.values()].flatMap((pack) => pack.split(","));
      expect(events.toSorted()).toEqual(Array.from({ length: added }, (_, index) => `req_${index + 1}`).toSorted());
      expect(told.kept).toBe(0);
    }),
    { numRuns: 60 },
  );
}, 60_000);
