// Trains the intent router from the phrase templates beside this file and writes weights/router.json:
//   node packages/model/training/train-router.ts [--held-out] [--errors] [--dry-run]
// With --held-out first trains on a part of the templates and measures on the rest. Three minutes on one core, deterministic for a given SEED. Prints accuracy on templates held out of training and on evals/*.jsonl.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { seededRandom } from "../src/sampling.ts";
import { featuresOf, type Language } from "../src/router-features.ts";
import { IntentRouter } from "../src/router.ts";

const SEED = 20_261;
const EPOCHS = 14;
const LEARNING_RATE = 0.35;
const L2 = 2e-6;
const PER_INTENT: Record<Language, number> = { en: 900, zh: 400 };
const OOD_FACTOR = 6;
const BUCKETS: Record<Language, number> = { en: 8192, zh: 4096 };
/** Every n-th template is never trained on, to measure wordings the router has not seen. */
const HELD_OUT_EVERY = 8;

/** Models trained on different samples and averaged: single ones differ by several sentences on text unlike the templates. */
const MEMBERS = 4;

let random = seededRandom(SEED);
const below = (n: number): number => Math.floor(random() * n);
function pick<T>(items: readonly T[]): T {
  const item = items[below(items.length)];
  if (item === undefined) throw new Error("Nothing to pick from.");
  return item;
}
const locate = (path: string): string => fileURLToPath(new URL(path, import.meta.url).href);
const read = (path: string): string => readFileSync(locate(path), "utf8");
const words = (text: string): string[] => text.trim().split(/\s+/);
const phrases = (text: string): string[] => text.split("|").map((phrase) => phrase.trim());

const NOUNS =
  words(`apple river mountain guitar piano violin castle dragon elephant penguin whale shark tiger lion horse cow sheep goat chicken duck
  rabbit mouse spider ant bee butterfly snake frog turtle dinosaur tree flower rose tulip oak forest jungle desert beach ocean lake island volcano
  earthquake storm thunder lightning rainbow cloud moon sun star planet galaxy comet rocket satellite telescope microscope bicycle car train plane
  helicopter boat ship submarine bridge tunnel tower church temple museum library school university hospital kitchen bedroom garden roof window door
  chair sofa lamp candle mirror carpet bread butter cheese milk coffee tea wine beer juice soup salad pizza pasta rice noodles potato tomato carrot
  onion garlic pepper salt sugar honey chocolate cake cookie pie banana orange lemon cherry strawberry grape melon meat beef pork fish salmon shrimp
  egg doctor nurse teacher lawyer farmer sailor soldier pilot king queen prince princess wizard ghost vampire zombie robot pirate cowboy ninja samurai
  emperor pharaoh president minister election war peace treaty revolution empire republic democracy philosophy religion art music painting sculpture
  opera ballet theatre movie novel poem story song album concert festival football basketball tennis golf chess swimming skiing running marathon
  olympics gold silver iron copper diamond oil gas coal electricity atom molecule protein bacteria virus vaccine cancer heart brain blood bone muscle
  skin lung liver stomach tooth eye ear nose hand foot hair shirt hat shoes coat dress wedding birthday christmas easter holiday picnic party gift
  puppy kitten hamster parrot goldfish lentils recipe oven microwave fridge sauce striker goalkeeper coach league cup champion actor singer dancer
  poet writer composer scientist mathematician equation triangle circle geometry algebra calculus physics chemistry biology history geography
  economics psychology leaves grass autumn winter spring summer rain snow wind weather temperature climate mushroom kettle cathedral chapel
  ceiling portrait limerick thriller vampires fever cough headache sleep dream yoga meditation diet calories vitamin astronaut gravity`);
const PLACES = words(
  "Berlin Paris Tokyo London Madrid Oslo Lima Cairo Delhi Seoul Rome Vienna Boston Dublin Lagos Hanoi Zurich France Japan Spain Brazil India Kenya Norway Italy Egypt Canada Africa Asia Europe Peru",
);
const ITEMS = words(
  "lamp chair table shirt jacket dress phone laptop kettle mug book headphones keyboard backpack watch shoes boots trousers jeans sweater toaster blender monitor camera bottle pillow blanket tent bike helmet toy sofa rug mirror clock printer mouse speaker vase",
);
const PEOPLE = words(
  "Anna Ben Carla David Elena Felix Grace Hugo Ines Jonas Kira Liam Mona Nils Olga Paul Quinn Rosa Sami Tara Uma Victor Wei Yara Zoe Ahmed Priya Diego",
);
const PLANS = words(
  "Free Starter Basic Pro Plus Team Business Growth Scale Premium Enterprise Standard Gold Silver Startup Ultimate Lite Max",
);
const MONTHS = words("January February March April May June July August September October November December");
const APPS = words(
  "Slack GitHub Jira Zapier Salesforce HubSpot Notion Shopify Zendesk Stripe Okta Google Dropbox Asana Trello Teams Linear Discord Outlook Airtable Figma",
);
const PURPOSES = phrases(
  "marketing emails|the newsletter|analytics tracking|personalised ads|profiling|product research|model training|SMS notifications|data sharing with partners|promotional calls|usage analytics|marketing|third-party cookies|behavioural advertising|tracking|targeted advertising|cookies|advertising|promotional messages|commercial emails",
);
const WHEN = phrases(
  "yesterday|today|on Monday|on Friday|last week|this morning|two weeks ago|a month ago|last Tuesday|in May|ages ago|ten days ago",
);
const NOUNS_ZH = words(
  "苹果 长城 熊猫 恐龙 老虎 飞机 火车 月亮 太阳 地球 火星 长江 黄山 北京 上海 巴黎 红烧肉 烤鸭 饺子 火锅 面条 茶 咖啡 西瓜 篮球 足球 电影 小说 唐诗 钢琴 吉他 医生 皇帝 猫 狗 鸟 鱼 树 花 秋天 春天 大海 天空 彩虹 历史 数学 物理 哲学 爱情 梦 树叶",
);

const digits = (length: number): string => Array.from({ length }, () => below(10)).join("");
const letters = (length: number): string => Array.from({ length }, () => String.fromCharCode(65 + below(26))).join("");
/** A word nobody knows: teaches the router that unknown words alone mean "out of domain". */
function junkWord(): string {
  return Array.from(
    { length: 2 + below(3) },
    () => pick("bcdfghklmnprstvwz".split("")) + pick("aeiou".split("")) + (random() < 0.4 ? pick("nrstlm".split("")) : ""),
  ).join("");
}

function slot(name: string, language: Language): string {
  switch (name) {
    case "id":
      return pick([() => `#${digits(5)}`, () => `${letters(1 + below(3))}-${digits(4)}`, () => `ORD-${digits(5)}`, () => digits(6)])();
    case "amount":
      return pick(["$%", "€%", "£%", "% USD", "% EUR", "% dollars", "% euros"]).replace(
        "%",
        pick([digits(2), `${1 + below(200)}.${digits(2)}`]),
      );
    case "email":
      return `${pick(PEOPLE).toLowerCase()}@${pick(NOUNS)}.com`;
    case "number":
      return String(2 + below(60));
    case "noun":
      return language === "zh" ? pick(NOUNS_ZH) : pick(NOUNS);
    case "junk":
      return junkWord();
    case "place":
      return pick(PLACES);
    case "item":
      return pick(ITEMS);
    case "person":
      return pick(PEOPLE);
    case "plan":
      return pick(PLANS);
    case "month":
      return pick(MONTHS);
    case "app":
      // Unknown names too: any app may be asked for.
      return random() < 0.75 ? pick(APPS) : junkWord();
    case "purpose":
      return pick(PURPOSES);
    case "when":
      return pick(WHEN);
    default:
      throw new Error(`Unknown slot {${name}}.`);
  }
}

/** Chooses among alternatives, innermost first, then fills the slots. */
function expand(template: string, language: Language): string {
  let text = template;
  for (;;) {
    const next = text
      .replace(/\(([^()[\]]*)\)/, (_, options: string) => pick(options.split("|")))
      .replace(/\[([^()[\]]*)\]/, (_, options: string) => (random() < 0.5 ? pick(options.split("|")) : ""));
    if (next === text) break;
    text = next;
  }
  text = text.replaceAll(/\{(\w+)\}/g, (_, name: string) => slot(name, language));
  return language === "zh" ? text.trim() : text.replaceAll(/\s+/g, " ").trim();
}

const BEFORE = phrases(
  "hi, |hello, |hey, |hi team, |good morning, |please help: |quick question: |so |ok, |um |dear support, |sorry but |well, |I have a problem. |just wondering, |please |could you please |can you |I think |actually, |is it possible that |I was wondering, |it seems |for some reason |listen, ",
).map((phrase) => `${phrase} `);
const AFTER = phrases(
  "please|thanks|thank you|asap|please help|as soon as possible|if possible|can you help?|thx|!!|now|thanks in advance|today|?|.|!|any ideas?|what now?|how?",
);
const CONTRACTIONS: readonly [RegExp, string][] = [
  [/\b(do|did|is|has|have|does|was|are|could|would) not\b/g, "$1n't"],
  [/\bcannot\b/g, "can't"],
  [/\bwill not\b/g, "won't"],
  [/\bI am\b/g, "I'm"],
  [/\bI have\b/g, "I've"],
  [/\bI would\b/g, "I'd"],
  [/\b(what|where|who|how|it|that|there) is\b/g, "$1's"],
];

/** Greetings, contractions, typing errors, missing words: what real sentences have and templates do not. */
function disturb(text: string): string {
  let out = text;
  if (random() < 0.5) for (const [from, to] of CONTRACTIONS) out = out.replaceAll(from, to);
  if (random() < 0.25) out = pick(BEFORE) + out;
  if (random() < 0.25) out = `${out} ${pick(AFTER)}`;
  const parts = out.split(" ");
  if (random() < 0.25 && parts.length > 4) parts.splice(below(parts.length), 1);
  if (random() < 0.15 && parts.length > 3)
    parts.splice(below(parts.length), 0, pick(["really", "just", "still", "also", "actually", "again", "kindly", junkWord(), pick(NOUNS)]));
  if (random() < 0.15) {
    const at = below(parts.length);
    const word = parts[at] ?? "";
    const cut = 1 + below(Math.max(1, word.length - 2));
    if (word.length > 4 && !/\d/.test(word)) parts[at] = word.slice(0, cut) + word.slice(cut + 1);
  }
  return parts.join(" ");
}

interface Example {
  text: string;
  intent: string;
}

/** The templates of one language, by intent, in file order. */
function readTemplates(language: Language): Map<string, string[]> {
  const templates = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of read(`./phrases-${language}.txt`).split("\n")) {
    if (line.startsWith("#") || line.trim() === "") continue;
    if (line.startsWith("= ")) templates.set(line.slice(2).trim(), (current = []));
    else current.push(line);
  }
  return templates;
}

function generate(language: Language, part: "all" | "trained" | "held out", perIntent: number): Example[] {
  const examples: Example[] = [];
  for (const [intent, all] of readTemplates(language)) {
    const isHeldOut = (i: number): boolean => i % HELD_OUT_EVERY === HELD_OUT_EVERY - 1;
    const lines = all.filter((_, i) => part === "all" || isHeldOut(i) === (part === "held out"));
    const count = lines.length === 0 ? 0 : perIntent * (intent === "ood" ? OOD_FACTOR : 1);
    for (let i = 0; i < count; i++) {
      const text = expand(lines[i % lines.length] ?? "", language);
      examples.push({ intent, text: language === "zh" ? text : disturb(text) });
    }
  }
  return examples;
}

interface Trained {
  intents: string[];
  buckets: number;
  scales: number[];
  biases: number[];
  weights: string;
}

/** Softmax regression with Adagrad: weights, a row per intent, and biases. */
function fit(
  language: Language,
  examples: readonly Example[],
  intents: readonly string[],
): { weights: Float64Array; biases: Float64Array } {
  const buckets = BUCKETS[language];
  const rows = intents.length;
  const weights = new Float64Array(rows * buckets);
  const squares = new Float64Array(rows * buckets).fill(1e-4);
  const biases = new Float64Array(rows);
  const data = examples.map(({ text, intent }) => ({ features: [...featuresOf(text, language, buckets)], label: intents.indexOf(intent) }));

  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    for (let i = data.length - 1; i > 0; i--) {
      const j = below(i + 1);
      const [a, b] = [data[i], data[j]];
      if (a && b) [data[i], data[j]] = [b, a];
    }
    const rate = LEARNING_RATE * (1 - epoch / EPOCHS);
    for (const { features, label } of data) {
      // Dropping a fifth of the features makes the router lean on several words instead of the one a template always has.
      const kept = features.filter(() => random() > 0.2);
      const scores = Array.from(biases);
      for (let row = 0; row < rows; row++)
        for (const [bucket, value] of kept) scores[row] = (scores[row] ?? 0) + (weights[row * buckets + bucket] ?? 0) * value;
      const peak = Math.max(...scores);
      const powers = scores.map((score) => Math.exp(score - peak));
      const total = powers.reduce((sum, power) => sum + power, 0);
      for (let row = 0; row < rows; row++) {
        // A little label smoothing keeps the confidence honest.
        const target = row === label ? 0.95 : 0.05 / (rows - 1);
        const error = (powers[row] ?? 0) / total - target;
        if (Math.abs(error) < 1e-4) continue;
        biases[row] = (biases[row] ?? 0) - 0.02 * rate * error;
        for (const [bucket, value] of kept) {
          const at = row * buckets + bucket;
          const weight = weights[at] ?? 0;
          const gradient = error * value + L2 * weight;
          const square = (squares[at] ?? 0) + gradient * gradient;
          squares[at] = square;
          weights[at] = weight - (rate * gradient) / Math.sqrt(square);
        }
      }
    }
  }

  return { weights, biases };
}

/** Averages the members and stores one int8 row per intent. */
function train(language: Language, part: "all" | "trained"): Trained {
  random = seededRandom(SEED);
  const buckets = BUCKETS[language];
  const intents = [...readTemplates(language).keys()];
  const weights = new Float64Array(intents.length * buckets);
  const biases = new Float64Array(intents.length);
  for (let member = 0; member < MEMBERS; member++) {
    const fitted = fit(language, generate(language, part, PER_INTENT[language]), intents);
    for (const [i, weight] of fitted.weights.entries()) weights[i] = (weights[i] ?? 0) + weight / MEMBERS;
    for (const [i, bias] of fitted.biases.entries()) biases[i] = (biases[i] ?? 0) + bias / MEMBERS;
  }
  const bytes = new Int8Array(weights.length);
  const scales = intents.map((_, row) => {
    const line = weights.subarray(row * buckets, (row + 1) * buckets);
    const scale = line.reduce((largest, weight) => Math.max(largest, Math.abs(weight)), 0) / 127;
    for (const [bucket, weight] of line.entries()) bytes[row * buckets + bucket] = Math.round(weight / scale);
    return scale;
  });
  return { intents, buckets, scales, biases: [...biases], weights: Buffer.from(bytes.buffer).toString("base64") };
}

function report(name: string, examples: readonly Example[], router: IntentRouter): void {
  const routed = examples.map((example) => ({ ...example, route: router.route(example.text) }));
  const right = routed.filter(({ intent, route }) => route.intent === intent);
  const sure = routed.filter(({ route }) => route.confidence >= 0.5);
  const sureRight = sure.filter(({ intent, route }) => route.intent === intent);
  const percent = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`;
  process.stdout.write(
    `${name}: ${percent(right.length, routed.length)} of ${routed.length}; at confidence >= 0.5: ${percent(sureRight.length, sure.length)} of ${sure.length}\n`,
  );
  if (process.argv.includes("--errors") && routed.length < 200) {
    for (const { text, intent, route } of routed) {
      if (route.intent !== intent) process.stdout.write(`   ${intent} -> ${route.intent} ${route.confidence.toFixed(2)}: ${text}\n`);
    }
  }
}

function trainBoth(part: "all" | "trained"): { en: Trained; zh: Trained } {
  return { en: train("en", part), zh: train("zh", part) };
}

// First on a part of the templates, to measure on the rest; what ships is then trained on all of them.
if (process.argv.includes("--held-out")) {
  const partial = new IntentRouter(trainBoth("trained"));
  for (const language of ["en", "zh"] as const) report(`held-out templates, ${language}`, generate(language, "held out", 60), partial);
}
const file = trainBoth("all");
const router = new IntentRouter(file);
for (const name of ["hand.jsonl", "blind.jsonl"]) {
  const rows: { text: string; intent: string; language: string }[] = read(`../evals/${name}`)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  for (const language of ["en", "zh"]) {
    const own = rows.filter((row) => row.language === language);
    const inDomain = own.filter((row) => row.intent !== "ood");
    report(`${name}, ${language}, in domain`, inDomain, router);
    report(
      `${name}, ${language}, out of domain`,
      own.filter((row) => row.intent === "ood"),
      router,
    );
  }
}
if (!process.argv.includes("--dry-run")) writeFileSync(locate("../weights/router.json"), `${JSON.stringify(file)}\n`);
