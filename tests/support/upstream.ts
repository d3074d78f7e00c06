import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { inputBoundTokens } from "@weir/domain/inference/worst-case";

/** The body of a chat completion as a provider gets it. */
interface ChatBody {
  model: string;
  messages: { role: string; content: string }[];
  max_tokens: number;
  stream: boolean;
  [field: string]: unknown;
}

export interface UpstreamRequest {
  path: string;
  headers: IncomingHttpHeaders;
  body: ChatBody;
  /** How the exchange ended: with everything said, or with the caller gone. */
  ended: Promise<"finished" | "cut off">;
}

/** What the provider does with one request. */
type Reply = (request: UpstreamRequest, response: ServerResponse) => Promise<void> | void;

export interface Upstream {
  /** What a deployment names as its `base_url`. */
  url: string;
  /** What the operator names in `EGRESS_ALLOW`. */
  origin: string;
  /** All requests until now, oldest first. */
  requests: UpstreamRequest[];
  /** What it does unless told otherwise; a plain answer at first. */
  usually(reply: Reply): void;
  /** What it does with the next requests, one reply each. */
  next(...replies: Reply[]): void;
  stop(): Promise<void>;
}

/** A provider that speaks OpenAI's chat completions on this machine, and misbehaves on demand. */
export async function startUpstream(): Promise<Upstream> {
  const requests: UpstreamRequest[] = [];
  const queued: Reply[] = [];
  let usual = answers();
  const respond = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const ended = new Promise<"finished" | "cut off">((resolve) => {
      response.once("close", () => resolve(response.writableFinished ? "finished" : "cut off"));
    });
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString() || "{}");
    const request = { path: incoming.url ?? "", headers: incoming.headers, body, ended };
    requests.push(request);
    await (queued.shift() ?? usual)(request, response);
  };
  const server = createServer((incoming, response) => void respond(incoming, response));
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The provider has no port");
  const origin = `http://127.0.0.1:${address.port}`;
  return {
    url: `${origin}/v1`,
    origin,
    requests,
    usually: (reply) => {
      usual = reply;
    },
    next: (...replies) => {
      queued.push(...replies);
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type UsageReport = Record<string, unknown> | ((body: ChatBody) => Record<string, unknown>);

interface AnswerOptions {
  pieces?: string[];
  /** What it says it used; null: nothing at all. */
  usage?: UsageReport | null;
  /** Providers differ in where they say it. */
  usageOn?: "own chunk" | "stop chunk" | "text chunk";
  /** Null: the stream ends without a reason. */
  finish?: string | null;
  done?: boolean;
  /** Waited for after the first piece. */
  after?: Promise<unknown>;
}

export const A_USAGE = { prompt_tokens: 12, completion_tokens: 3, total_tokens: 15 };

/** A streamed answer. */
export function answers(options: AnswerOptions = {}): Reply {
  const { pieces = ["Hello", ", ", "world"], usage = A_USAGE, usageOn = "own chunk", finish = "stop", done = true, after } = options;
  return async ({ body }, response) => {
    const said = typeof usage === "function" ? usage(body) : usage;
    const on = (place: AnswerOptions["usageOn"]) => ({ usage: said !== null && place === usageOn ? said : null });
    begin(response);
    for (const [index, content] of pieces.entries()) {
      response.write(
        chunk([{ index: 0, delta: { content }, finish_reason: null }], index === pieces.length - 1 ? on("text chunk") : { usage: null }),
      );
      if (index === 0) await after;
    }
    if (finish !== null) response.write(chunk([{ index: 0, delta: {}, finish_reason: finish }], on("stop chunk")));
    if (said !== null && usageOn === "own chunk") response.write(chunk([], { usage: said }));
    response.end(done ? "data: [DONE]\n\n" : "");
  };
}

/** Embeddings: each text's vector says its place. Null usage: it says nothing. */
export function embeds(options: { usage?: object | null; data?: (index: number) => object } = {}): Reply {
  const { usage = { prompt_tokens: 7, total_tokens: 7 }, data = (index) => ({ index, embedding: [index, 1, 0.5] }) } = options;
  return ({ body }, response) => {
    const texts = Array.isArray(body["input"]) ? body["input"] : [body["input"]];
    const list = { object: "list", data: texts.map((_, index) => ({ object: "embedding", ...data(index) })), model: body.model, usage };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(list));
  };
}

/** All that the request could have used: what a gateway has to hold before it asks. */
export function worstCaseUsage({ messages, max_tokens }: ChatBody): Record<string, unknown> {
  const texts = messages.map(({ content }) => content);
  return { prompt_tokens: inputBoundTokens(texts, messages.length), completion_tokens: max_tokens };
}

/** An answer that is not a completion. */
export function refuses(status: number, options: { headers?: Record<string, string>; body?: string } = {}): Reply {
  const { headers = { "content-type": "application/json" }, body = JSON.stringify({ error: { message: "No", type: "api_error" } }) } =
    options;
  return (_, response) => {
    response.writeHead(status, headers);
    response.end(body);
  };
}

/** Says something, then the connection is reset. */
export function resets(pieces = ["Hello"]): Reply {
  return async (_, response) => {
    begin(response);
    for (const content of pieces) await sent(response, chunk([{ index: 0, delta: { content }, finish_reason: null }]));
    response.socket?.resetAndDestroy();
  };
}

/** Says something every few milliseconds for as long as the caller listens. */
export function drips(everyMs = 10): Reply {
  return async (_, response) => {
    begin(response);
    while (!response.destroyed) {
      response.write(chunk([{ index: 0, delta: { content: "drip " }, finish_reason: null }]));
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  };
}

/** A stream of exactly these bytes, each piece written on its own. */
export function sends(...pieces: (string | Uint8Array)[]): Reply {
  return async (_, response) => {
    begin(response);
    for (const piece of pieces) await sent(response, piece);
    response.end();
  };
}

function begin(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
}

function sent(response: ServerResponse, piece: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    response.write(piece, () => resolve());
  });
}

/** One event of OpenAI's stream. */
export function chunk(choices: object[], more: object = {}): string {
  return `data: ${JSON.stringify({ id: "up-1", object: "chat.completion.chunk", created: 1, model: "up", choices, ...more })}\n\n`;
}
