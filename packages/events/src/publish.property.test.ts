import fc from "fast-check";
import { expect, test } from "vitest";
import { aGrant } from "../../../tests/support/events.ts";
import { MAX_EVENTS_PER_PACK, MAX_PACK_BYTES, packSchema } from "./envelope.ts";
import { packEvents } from "./publish.ts";

const kinds = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 200, unit: "binary" }) },
  // Two, three and four bytes a character, and one that JSON escapes.
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom("a", "é", "€", "𐍈", "\n"), fc.nat({ max: 10_000 }))
      .map(([character, count]) => character.repeat(count)),
  },
);
const events = fc.array(kinds, { maxLength: 250 }).map((all) => all.map((kind, index) => aGrant({ id: `evt_${index}`, kind })));

test("packs hold every event once and in order, and each fits into a message", () => {
  fc.assert(
    fc.property(events, fc.constantFrom("outbox", "object"), (all, born) => {
      const packs = packEvents(all, born, (index) => `pack:${index}`);
      expect(packs.flatMap((pack) => pack.events)).toEqual(all);
      for (const [index, pack] of packs.entries()) {
        expect(pack.id).toBe(`pack:${index}`);
        expect(pack.events.length).toBeLessThanOrEqual(MAX_EVENTS_PER_PACK);
        expect(new TextEncoder().encode(JSON.stringify(pack)).length).toBeLessThanOrEqual(MAX_PACK_BYTES);
        expect(packSchema.safeParse(pack).success).toBe(true);
      }
    }),
    { numRuns: 200 },
  );
});

test("the same events make the same packs", () => {
  fc.assert(
    fc.property(events, (all) => {
      const pack = () => packEvents(all, "outbox", (index) => `pack:${index}`);
      expect(pack()).toEqual(pack());
    }),
    { numRuns: 10 },
  );
});
