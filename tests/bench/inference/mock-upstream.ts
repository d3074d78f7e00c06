/**
 * A provider that answers at once: 406 bytes of JSON, or 24 server-sent events back to back. A process of its own; says its port to
 * its parent and ends with it.
 */
import { createServer } from "node:http";

const EVENTS = 24;

const chunk = (choices: object[], usage: object | null = null) =>
  `data: ${JSON.stringify({ id: "chatcmpl-bench", object: "chat.completion.chunk", created: 1_760_000_000, model: "bench", choices, usage })}\n\n`;
const usage = { prompt_tokens: 12, completion_tokens: EVENTS - 2, total_tokens: EVENTS + 10 };
const words = Array.from({ length: EVENTS - 2 }, (_, index) =>
  chunk([{ index: 0, delta: { content: `word${index} ` }, finish_reason: null }]),
);
const events = [...words, chunk([{ index: 0, delta: {}, finish_reason: "stop" }]), chunk([], usage)];

const message = { role: "assistant", content: "" };
const completion = {
  id: "chatcmpl-bench",
  object: "chat.completion",
  created: 1_760_000_000,
  model: "bench",
  choices: [{ index: 0, message, finish_reason: "stop" }],
  usage,
};
message.content = "word ".repeat(100).slice(0, 406 - JSON.stringify(completion).length);
const json = JSON.stringify(completion);

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (text: string) => (body += text));
  request.on("end", () => {
    if (!/"stream":\s*true/.test(body)) {
      response.writeHead(200, { "content-type": "application/json", "content-length": json.length });
      response.end(json);
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const event of events) response.write(event);
    response.end("data: [DONE]\n\n");
  });
});

process.on("disconnect", () => process.exit());
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.send?.(typeof address === "object" ? address?.port : undefined);
});
