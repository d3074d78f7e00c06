import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { loadFromDisk } from "./load-from-disk.ts";
import { normalise } from "./router-features.ts";
import { INTENTS, IntentRouter } from "./router.ts";

const { router: file } = loadFromDisk();
const router = new IntentRouter(file);

interface Labelled {
  language: string;
  intent: string;
  text: string;
}

function readSet(name: string): Labelled[] {
  const lines = readFileSync(fileURLToPath(new URL(`../evals/${name}.jsonl`, import.meta.url).href), "utf8")
    .trim()
    .split("\n");
  return lines.map((line): Labelled => JSON.parse(line));
}

function accuracy(rows: readonly Labelled[]): number {
  return rows.filter((row) => router.route(row.text).intent === row.intent).length / rows.length;
}

// Thresholds are the measured values of weights/MANIFEST.json minus a few sentences.
test.each([
  { set: "hand", language: "en", inDomain: 0.95, outOfDomain: 0.9 },
  { set: "hand", language: "zh", inDomain: 0.9, outOfDomain: 0.8 },
  { set: "blind", language: "en", inDomain: 0.52, outOfDomain: 0.75 },
  { set: "blind", language: "zh", inDomain: 0.66, outOfDomain: 0.8 },
])("the $set set in $language is routed as well as measured", ({ set, language, inDomain, outOfDomain }) => {
  const rows = readSet(set).filter((row) => row.language === language);
  expect(accuracy(rows.filter((row) => row.intent !== "ood"))).toBeGreaterThanOrEqual(inDomain);
  expect(accuracy(rows.filter((row) => row.intent === "ood"))).toBeGreaterThanOrEqual(outOfDomain);
});

test("every label of the evaluation sets is an intent", () => {
  for (const { intent } of [...readSet("hand"), ...readSet("blind")]) expect(INTENTS).toContain(intent);
});

test("what an id, amount or address is does not matter, only that there is one", () => {
  expect(normalise("refund A-1 for order KX-5521, $12.50, to ann@x.io")).toContain("idslot");
  expect(router.route("where is my order A-48213?").confidence).toBe(router.route("where is my order ORD-99120?").confidence);
  expect(normalise("we get 429s and a 401")).toMatch(/429s.*401/u);
});

test("a bare order number takes the intent of the turn it answers", () => {
  expect(router.routeTurns(["I want my money back", "order number is KX-5521"]).intent).toBe("refund");
  expect(router.routeTurns(["where is my parcel?", "KX-5521"]).intent).toBe("order");
  expect(router.routeTurns(["我要退款", "订单号是 A-1234"])).toMatchObject({ intent: "refund", language: "zh" });
  expect(router.routeTurns(["I want my money back", "thank you, goodbye"]).intent).toBe("thanks_bye");
});

test("a text without words is out of domain with confidence 0", () => {
  for (const text of ["", "   ", "!!! ???"]) expect(router.route(text)).toMatchObject({ intent: "ood", confidence: 0 });
});

test("a malformed router file is refused", () => {
  for (const bad of [null, [], {}, { en: {}, zh: {} }, { en: { intents: ["nonsense"] } }])
    expect(() => new IntentRouter(bad)).toThrow(TypeError);
});
