import { z } from "@hono/zod-openapi";
import { WeirError } from "@weir/domain/errors";
import { parseOpenAiRequest } from "./openai-request.ts";

const MAX_TEXTS = 256;
/** What the embedded encoder makes, and the only number that can be asked for. */
const DIMENSIONS = 512;

const text = z.string().min(1, "must not be empty");

/** What `/v1/embeddings` takes, in OpenAI's names. */
export const embeddingRequest = z
  .strictObject({
    model: z.string().min(1).max(200),
    input: z.union([text, z.array(text).min(1).max(MAX_TEXTS)]),
    encoding_format: z.enum(["float", "base64"]).nullish(),
    dimensions: z.number().int().min(1).nullish(),
    user: z.string().optional(),
  })
  .openapi("EmbeddingRequest");

export type EmbeddingRequest = z.infer<typeof embeddingRequest>;

export function parseEmbeddingRequest(body: unknown): EmbeddingRequest {
  refuseInput(body);
  const request = parseOpenAiRequest(embeddingRequest, body, new Set());
  if (request.dimensions != null && request.dimensions !== DIMENSIONS) {
    throw new WeirError("unsupported_parameter", `dimensions: vectors are not cut; leave it out, or ask for ${DIMENSIONS}.`, {
      param: "dimensions",
    });
  }
  return request;
}

/** Of a union the schema can only say that no branch fits; these are the cases that callers meet. */
function refuseInput(body: unknown): void {
  const input: unknown = typeof body === "object" && body !== null && "input" in body ? body.input : undefined;
  const refuse = (code: "invalid_request" | "unsupported_parameter", message: string) => {
    throw new WeirError(code, `input: ${message}`, { param: "input" });
  };
  if (input === "") refuse("invalid_request", "an empty text has no meaning to embed.");
  if (!Array.isArray(input)) return;
  if (input.length === 0) refuse("invalid_request", "there is no text.");
  if (input.every((item) => typeof item === "number" || Array.isArray(item)))
    refuse("unsupported_parameter", "lists of tokens are not taken, since each model has its own; send the text.");
  if (input.length > MAX_TEXTS) refuse("invalid_request", `${input.length} texts; at most ${MAX_TEXTS} at once.`);
  const empty = input.indexOf("");
  if (empty >= 0) refuse("invalid_request", `text ${empty} (counted from 0) is empty.`);
}

export function textsOf({ input }: EmbeddingRequest): string[] {
  return typeof input === "string" ? [input] : input;
}
