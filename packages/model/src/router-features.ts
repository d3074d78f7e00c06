export type Language = "en" | "zh";

const CJK = /\p{Script=Han}/u;

/** Chinese as soon as one Han character occurs: order numbers and product names are Latin in both languages. */
export function languageOf(text: string): Language {
  return CJK.test(text) ? "zh" : "en";
}

// Values are replaced by what kind of value they are: which order it is says nothing about what the user wants done with it.
// Order matters: an e-mail address holds things that look like ids, an amount holds a number.
const EMAIL = /[\p{L}\p{N}._%+-]+@[\p{L}\p{N}.-]+\.\p{L}{2,}/gu;
const AMOUNT = /[$€£¥]\s?\d[\d.,]*|\b\d[\d.,]*\s?(?:usd|eur|gbp|dollars?|euros?|pounds?|bucks)\b|\d[\d.,]*\s?(?:元|块|美元|欧元)/giu;
const IDENTIFIER = /#\d+\b|\b(?=[\p{L}\d-]*\d)[a-z]{1,4}-?\d{2,}\b|\b\d{2}-\d{3,}\b|\b\d{5,}\b/giu;
const NUMBER = /\d[\d.,]*/gu;
/** Status codes and names that look like numbers or ids but carry meaning. */
const MEANINGFUL = /\b(?:401|403|429s?|500|502|503|504|2fa|gpt-?\d)\b/giu;

/** Lower case, values replaced by placeholder words, apostrophes dropped, so that "don't" and "dont" are one word. */
export function normalise(text: string): string {
  const kept: string[] = [];
  const shielded = text.normalize("NFKC").replaceAll(MEANINGFUL, (word) => {
    kept.push(word);
    // Letters only, so that none of the patterns below finds a number in it.
    return ` keptword${"i".repeat(kept.length)} `;
  });
  const replaced = shielded
    .replaceAll(EMAIL, " emailslot ")
    .replaceAll(AMOUNT, " amountslot ")
    .replaceAll(IDENTIFIER, " idslot ")
    .replaceAll(NUMBER, " numberslot ")
    .replaceAll(/keptword(i+)/g, (_, marks: string) => kept[marks.length - 1] ?? "");
  return replaced.toLowerCase().replaceAll(/['’`]/g, "");
}

/** FNV-1a over UTF-16 units, folded into the number of buckets (the "hashing trick", Weinberger et al. 2009). */
function bucketOf(feature: string, buckets: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < feature.length; i++) hash = Math.imul(hash ^ feature.charCodeAt(i), 0x01000193);
  // FNV's low bits alone are weak for short strings.
  return ((hash ^ (hash >>> 15)) >>> 0) % buckets;
}

/** Words with neighbours, and the 3- to 5-letter parts of each word: "reimbursed" then shares features with "reimbursement". */
function englishFeatures(text: string): string[] {
  const words = text.match(/[\p{L}\p{N}]+/gu) ?? [];
  const features: string[] = [];
  if (words.length === 0) return features;
  let before = "^";
  for (const word of [...words, "$"]) {
    features.push(`2${before} ${word}`);
    if (word !== "$") {
      features.push(`1${word}`);
      const padded = `<${word}>`;
      for (let size = 3; size <= 5; size++) {
        for (let at = 0; at + size <= padded.length; at++) features.push(`c${padded.slice(at, at + size)}`);
      }
    }
    before = word;
  }
  return features;
}

/** Runs of one, two and three characters; a placeholder or a Latin word counts as one character. */
function chineseFeatures(text: string): string[] {
  const units = text.match(/[a-z]+|\p{N}|\p{Script=Han}/gu) ?? [];
  const features: string[] = [];
  for (let size = 1; size <= 3; size++) {
    for (let at = 0; at + size <= units.length; at++) features.push(`${size}${units.slice(at, at + size).join(" ")}`);
  }
  return features;
}

/** Hashed features of a text, bucket to value, with unit Euclidean length. Empty for a text without words. */
export function featuresOf(text: string, language: Language, buckets: number): Map<number, number> {
  const normal = normalise(text);
  const counts = new Map<number, number>();
  for (const feature of language === "zh" ? chineseFeatures(normal) : englishFeatures(normal)) {
    const bucket = bucketOf(feature, buckets);
    // A whole word is worth more than one of its many parts.
    const weight = feature.startsWith("c") ? 0.4 : 1;
    counts.set(bucket, (counts.get(bucket) ?? 0) + weight);
  }
  let squares = 0;
  for (const count of counts.values()) squares += count * count;
  const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
  for (const [bucket, count] of counts) counts.set(bucket, count * scale);
  return counts;
}
