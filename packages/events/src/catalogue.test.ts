import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { aPack } from "../../../tests/support/events.ts";
import { CATALOGUE, newEvent, subscribersOf, type EventType } from "./catalogue.ts";
import { readPack } from "./inbox.ts";

const ROOT = join(import.meta.dirname, "..");

const DEFINITIONS = Object.values(CATALOGUE);
const TYPES = DEFINITIONS.map(({ type }) => type);

/** Who sends and who reads, besides compliance: the table of the design. */
const FLOWS: Record<EventType, [from: string, readBy: string[]]> = {
  "inference.completed": ["inference", ["metering"]],
  "inference.denied": ["inference", ["metering"]],
  "usage.metered": ["metering", ["billing", "inference"]],
  "tenant.created": ["billing", ["inference"]],
  "key.created": ["billing", ["inference"]],
  "key.revoked": ["billing", ["inference"]],
  "credit.changed": ["billing", ["inference"]],
  "deployment.changed": ["inference", []],
  "notice.published": ["privacy", ["inference"]],
  "purpose.changed": ["privacy", ["inference"]],
  "consent.given": ["privacy", ["inference"]],
  "consent.renewed": ["privacy", ["inference"]],
  "consent.refused": ["privacy", ["inference"]],
  "consent.withdrawn": ["privacy", ["inference"]],
  "policy.changed": ["privacy", ["inference"]],
  "residency.changed": ["privacy", ["inference"]],
};

describe.each(DEFINITIONS)("$type", (definition) => {
  test("its example has its own shape", () => {
    expect(definition.schema.parse(definition.example)).toEqual(definition.example);
  });

  test("its file is named for it", async () => {
    await expect(readFile(join(ROOT, "src", `${definition.type.replace(".", "-")}.ts`), "utf8")).resolves.toContain(`"${definition.type}"`);
  });

  test("a sender makes the golden event", async () => {
    const made = newEvent(definition.type, {
      id: "evt_eu_01hzzzzzzzzzzzzzzzzzzzzzzz",
      tenant: "t_eu_01hzzzzzzzzzzzzzzzzzzzzzzz",
      now: Date.UTC(2026, 10, 22),
      data: definition.example,
    });
    expect(made).toEqual(await golden(definition.type));
  });

  test("a reader takes the golden event as it is", async () => {
    const event = await golden(definition.type);
    expect(readPack({ v: 1, id: "pack", born: "outbox", events: [event] })).toMatchObject({ events: [event] });
  });

  test("a reader refuses a field that the type does not have", async () => {
    const event = await golden(definition.type);
    const read = readPack({ v: 1, id: "pack", born: "outbox", events: [{ ...event, data: { ...definition.example, prompt: "secret" } }] });
    expect(read).toEqual({ problem: expect.stringMatching(/Unrecognized key: "prompt"/) });
  });

  test("a reader refuses a missing field", async () => {
    const event = await golden(definition.type);
    const [, ...rest] = Object.entries(definition.example);
    const read = readPack({ v: 1, id: "pack", born: "outbox", events: [{ ...event, data: Object.fromEntries(rest) }] });
    expect(read).toEqual({ problem: expect.stringContaining(definition.type) });
  });

  test("its sender and its readers are those of the design, and compliance", () => {
    const [from, readBy] = FLOWS[definition.type];
    expect(definition.from).toBe(from);
    expect(subscribersOf(definition.type)).toEqual([...readBy, "compliance"]);
  });
});

test("every golden file belongs to a type", async () => {
  expect((await readdir(join(ROOT, "golden"))).sort()).toEqual(TYPES.map((type) => `${type}.json`).sort());
});

test("the table in the README is the catalogue", async () => {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const rows = [...readme.matchAll(/^\| `([a-z_.]+)` \| (\w+) \| ([\w, –]+) \|$/gm)].map(([, type, from, readBy]) => ({
    type,
    from,
    readBy,
  }));
  expect(rows).toEqual(DEFINITIONS.map(({ type, from, readBy }) => ({ type, from, readBy: readBy.join(", ") || "–" })));
});

describe("a reader refuses", () => {
  const pack = aPack();
  const event = pack.events[0];

  test.each<[what: string, body: unknown, problem: RegExp]>([
    ["an unknown type", { ...pack, events: [{ ...event, type: "credit.vanished" }] }, /Unknown event type credit.vanished/],
    ["the name of something every object has", { ...pack, events: [{ ...event, type: "constructor" }] }, /Unknown event type constructor/],
    ["an extra field beside the data", { ...pack, events: [{ ...event, prompt: "secret" }] }, /Unrecognized key: "prompt"/],
    ["an extra field of the pack", { ...pack, prompt: "secret" }, /Unrecognized key: "prompt"/],
    ["a later version of the pack", { ...pack, v: 2 }, /Not a pack: v/],
    ["a pack without events", { ...pack, events: [] }, /Not a pack: events/],
    ["a text", "hello", /Not a pack/],
    ["nothing", null, /Not a pack/],
  ])("%s", (_, body, problem) => {
    expect(readPack(body)).toEqual({ problem: expect.stringMatching(problem) });
  });

  test("a whole pack for one bad event, so that nothing of it takes effect twice", () => {
    expect(readPack({ ...pack, events: [event, { ...event, type: "credit.vanished" }] })).toHaveProperty("problem");
  });
});

async function golden(type: EventType): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(ROOT, "golden", `${type}.json`), "utf8"));
}
