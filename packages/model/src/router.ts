import { featuresOf, languageOf, normalise, type Language } from "./router-features.ts";

/** The intents weir-chat was trained with; the hint message names one of them. */
export const INTENTS = [
  "greeting",
  "thanks_bye",
  "order",
  "refund",
  "refund_policy",
  "cancel",
  "change_plan",
  "charge_question",
  "invoice",
  "payment_failed",
  "update_card",
  "consent",
  "delete_data",
  "export_data",
  "api_key",
  "rate_limit",
  "password",
  "two_factor",
  "invite_team",
  "integration",
  "webhook",
  "outage",
  "human",
  "identity",
  "pricing",
  "change_address",
  "fraud",
  "injection",
  "ood",
] as const;

export type Intent = (typeof INTENTS)[number];

export interface Route {
  intent: Intent;
  /** Probability of the intent, 0 to 1. */
  confidence: number;
  language: Language;
  /** Intents from the likeliest down, the chosen one first. */
  ranked: readonly { intent: Intent; probability: number }[];
}

/** One language's softmax regression: an int8 row per intent with one scale, base64 in the file. */
interface LanguageWeights {
  intents: Intent[];
  buckets: number;
  scales: number[];
  biases: number[];
  weights: Int8Array;
}

function isIntent(value: unknown): value is Intent {
  return INTENTS.some((intent) => intent === value);
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => typeof item === "number" && Number.isFinite(item));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readWeights(value: unknown, language: Language): LanguageWeights {
  if (!isRecord(value)) throw new TypeError(`The router file has no weights for ${language}.`);
  const { intents, buckets, scales, biases, weights } = value;
  if (!Array.isArray(intents) || !intents.every(isIntent)) throw new TypeError(`The router file names an unknown intent for ${language}.`);
  if (typeof buckets !== "number" || !isNumbers(scales) || !isNumbers(biases) || typeof weights !== "string") {
    throw new TypeError(`The router file is malformed for ${language}.`);
  }
  const bytes = Int8Array.from(atob(weights), (character) => character.charCodeAt(0));
  if (bytes.length !== intents.length * buckets || scales.length !== intents.length || biases.length !== intents.length) {
    throw new TypeError(`The router file's sizes disagree for ${language}.`);
  }
  return { intents, buckets, scales, biases, weights: bytes };
}

/** Words that may stand beside an order number without adding anything to it. */
const FILLER: ReadonlySet<string> = new Set(
  "idslot it is its the my order number id sure here think i yes ok 订 单 号 是 好 的 我".split(" "),
);

/** A reply that is little more than a value: "KX-5521", "the order number is #8812", "订单号是 A-12". It answers the turn before. */
function isBareValue(text: string): boolean {
  const words = Array.from(normalise(text).matchAll(/[a-z]+|\p{Script=Han}/gu), ([word]) => word);
  return words.includes("idslot") && words.every((word) => FILLER.has(word));
}

/** Guesses what a customer wants. The language model has the words; this has the understanding (weights/MANIFEST.json says how well). */
export class IntentRouter {
  readonly #weights: Record<Language, LanguageWeights>;

  /** @param file the parsed weights/router.json. @throws {TypeError} when it is malformed */
  constructor(file: unknown) {
    if (!isRecord(file)) throw new TypeError("The router file is not an object.");
    this.#weights = { en: readWeights(file["en"], "en"), zh: readWeights(file["zh"], "zh") };
  }

  /** The intent of one sentence. A text without a single word is out of domain with confidence 0. */
  route(text: string): Route {
    const language = languageOf(text);
    const { intents, buckets, scales, biases, weights } = this.#weights[language];
    const features = featuresOf(text, language, buckets);
    if (features.size === 0) return { intent: "ood", confidence: 0, language, ranked: [] };
    const scores = intents.map((_, row) => {
      let sum = 0;
      for (const [bucket, value] of features) sum += (weights[row * buckets + bucket] ?? 0) * value;
      return sum * (scales[row] ?? 0) + (biases[row] ?? 0);
    });
    const peak = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - peak));
    const total = powers.reduce((sum, power) => sum + power, 0);
    const ranked = intents
      .map((intent, row) => ({ intent, probability: (powers[row] ?? 0) / total }))
      .sort((a, b) => b.probability - a.probability);
    return { intent: ranked[0]?.intent ?? "ood", confidence: ranked[0]?.probability ?? 0, language, ranked };
  }

  /** The intent of the last turn. A bare order number takes the intent of the turn it answers. */
  routeTurns(userTexts: readonly string[]): Route {
    const route = this.route(userTexts.at(-1) ?? "");
    if (userTexts.length < 2 || !isBareValue(userTexts.at(-1) ?? "")) return route;
    const before = this.routeTurns(userTexts.slice(0, -1));
    return before.intent === "order" || before.intent === "refund"
      ? { ...before, language: route.language === "zh" ? "zh" : before.language }
      : route;
  }
}
