// Measures the embedded model on this machine: `node packages/model/scripts/bench.ts`.
import { ChatEngine, type ChatMessage } from "../src/chat.ts";
import { readGguf } from "../src/gguf.ts";
import { loadEmbedWeightsFromDisk, loadFromDisk } from "../src/load-from-disk.ts";
import { IntentRouter } from "../src/router.ts";
import { SentenceEncoder } from "../src/sentence-encoder.ts";
import { WeirChat } from "../src/weir-chat.ts";

const RUNS = 30;
const host = { now: () => performance.now(), sleep: () => Promise.resolve(), yieldToHost: () => Promise.resolve() };
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const files = loadFromDisk();
const started = performance.now();
const engine = new ChatEngine(readGguf(files.weights), files.kernel);
say(`load: ${(performance.now() - started).toFixed(0)} ms`);
const router = new IntentRouter(files.router);
const chat = new WeirChat(engine, router);

const messages: ChatMessage[] = [
  { role: "system", content: "You are the support assistant of Acme. Refunds are possible within 45 days." },
  { role: "user", content: "where is my order A-48213?" },
];
const firstMs: number[] = [];
const tokensPerSecond: number[] = [];
const replyMs: number[] = [];
const routeMs: number[] = [];
for (let run = 0; run < RUNS; run++) {
  const start = performance.now();
  let first = 0;
  let tokens = 0;
  for await (const event of engine.generate(messages, { maxTokens: 96, seed: run }, host)) {
    first ||= performance.now() - start;
    if (event.type === "end") tokens = event.usage.outputTokens;
  }
  firstMs.push(first);
  tokensPerSecond.push(((tokens - 1) * 1000) / (performance.now() - start - first));

  const routed = performance.now();
  router.route("where is my order A-48213?");
  routeMs.push(performance.now() - routed);

  const asked = performance.now();
  for await (const event of chat.reply("bench", messages, { maxTokens: 96 }, host)) void event;
  replyMs.push(performance.now() - asked);
}
say(`prompt: ${engine.tokens(messages)} tokens, first token after ${median(firstMs).toFixed(1)} ms`);
say(`decode: ${median(tokensPerSecond).toFixed(0)} tokens/s`);
say(`route: ${median(routeMs).toFixed(2)} ms`);
say(`routed and guarded reply: ${median(replyMs).toFixed(1)} ms`);

const before = performance.now();
const encoder = new SentenceEncoder(readGguf(loadEmbedWeightsFromDisk()), files.kernel);
say(`load of the sentence encoder: ${(performance.now() - before).toFixed(0)} ms`);
for (const text of ["My parcel has not arrived yet.", `${"the river is wide and the boat is small ".repeat(14)}now`]) {
  const embedMs = Array.from({ length: RUNS }, () => {
    const start = performance.now();
    encoder.embed(encoder.tokens(text));
    return performance.now() - start;
  });
  say(`embedding of ${encoder.tokens(text).length} tokens: ${median(embedMs).toFixed(1)} ms`);
}
say(`resident memory: ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`);
