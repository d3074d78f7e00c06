import { WeirError } from "@weir/domain/errors";
import { noUsage } from "@weir/domain/inference/usage";
import { inputBoundTokens, utf8Bytes } from "@weir/domain/inference/worst-case";
import type { Background } from "@weir/http/commit";
import { admitRequest, type RequestFacts } from "./admit-request.ts";
import type { Admission } from "./admission.ts";
import { textsOf, type EmbeddingRequest } from "./embedding-request.ts";
import type { Env } from "./env.ts";
import { embeddingsBody } from "./openai-shapes.ts";
import type { EmbedCall, Embeddings } from "./providers/provider.ts";
import { providerOf } from "./providers/registry.ts";

/**
 * Answers one request for embeddings: admitted (or refused, with no provider asked), answered in one piece by the deployment that
 * admission chose, and settled whatever became of it. Nothing is handed over before the end, so only an end costs something.
 */
export async function createEmbeddings(
  env: Env,
  background: Background,
  admission: Admission,
  facts: RequestFacts,
  request: EmbeddingRequest,
): Promise<Response> {
  const texts = textsOf(request);
  const running = await admitRequest(env, background, admission, facts, {
    task: "embeddings",
    model: request.model,
    user: request.user,
    inputTokens: inputBoundTokens(texts, texts.length),
    maxTokens: 0,
  });
  facts.signal.addEventListener("abort", () => running.leave({ usage: noUsage, estimated: false, finish: "cancelled" }));
  let answer: Embeddings;
  try {
    answer = await vectorsOf(env, {
      request: facts.id,
      tenant: running.tenant,
      deployment: running.deployment,
      texts,
      dimensions: request.dimensions ?? undefined,
      signal: running.signal,
    });
  } catch (error) {
    running.settle({ usage: noUsage, estimated: false, finish: "error" });
    throw error;
  }
  const usage = answer.usage ?? estimated(texts);
  running.settle({ usage, estimated: answer.usage === undefined, finish: "stop" });
  const body = embeddingsBody(request.model, answer.vectors, request.encoding_format ?? "float", usage);
  return Response.json(body, { headers: running.headers });
}

async function vectorsOf(env: Env, call: EmbedCall): Promise<Embeddings> {
  const answer = await providerOf(call.deployment.provider).embed(env, call);
  const [first] = answer.vectors;
  const length = call.dimensions ?? first?.length ?? 0;
  // Vectors of different lengths cannot be compared; a missing one would shift all that follow.
  if (length === 0 || answer.vectors.length !== call.texts.length || answer.vectors.some((vector) => vector.length !== length)) {
    throw new WeirError("upstream_failed", "The provider did not answer with one vector of one length for each text.");
  }
  return answer;
}

/** About four bytes a token, as for chats. */
function estimated(texts: string[]) {
  return { ...noUsage, input: Math.ceil(texts.reduce((sum, text) => sum + utf8Bytes(text), 0) / 4) };
}
