import { expect, test } from "vitest";
import { doesTask } from "./tasks.ts";

test.each([
  { provider: "embedded", upstreamModel: "weir-chat", chat: true, embeddings: false },
  { provider: "embedded", upstreamModel: "weir-embed", chat: false, embeddings: true },
  { provider: "workers-ai", upstreamModel: "@cf/meta/llama-3-8b-instruct", chat: true, embeddings: false },
  { provider: "workers-ai", upstreamModel: "@cf/baai/bge-base-en-v1.5", chat: false, embeddings: true },
  { provider: "workers-ai", upstreamModel: "@cf/openai/whisper", chat: false, embeddings: false },
  // Newer than the catalogue, or known to the provider alone.
  { provider: "workers-ai", upstreamModel: "@cf/someone/something-new", chat: undefined, embeddings: undefined },
  { provider: "openai-compatible", upstreamModel: "text-embedding-3-small", chat: undefined, embeddings: undefined },
] as const)("$upstreamModel ($provider) chats: $chat, embeds: $embeddings", ({ chat, embeddings, ...deployment }) => {
  expect(doesTask(deployment, "chat")).toBe(chat);
  expect(doesTask(deployment, "embeddings")).toBe(embeddings);
});
