import { ERRORS, WeirError, type ErrorCode } from "@weir/domain/errors";

/** Turns whatever was thrown into an error that a caller may see. A bug becomes `internal`; its cause stays in the logs. */
export function toWeirError(error: unknown): WeirError {
  if (error instanceof WeirError) return error;
  // An error that crossed a service binding or a Durable Object keeps its message only.
  return new WeirError("internal", "Something broke on our side. The request id helps us find it.", { cause: error });
}

/** RFC 9457 problem document. The content type carries no charset: clients compare it whole. */
export function problemResponse(error: WeirError, requestId: string): Response {
  const { status, title } = ERRORS[error.code];
  const body = {
    // First, so that no further fact takes the place of a member that clients rely on.
    ...error.details.extra,
    type: `urn:weir:error:${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    ...(error.details.param === undefined ? {} : { param: error.details.param }),
    instance: `urn:weir:request:${requestId}`,
  };
  return new Response(JSON.stringify(body), { status, headers: errorHeaders(error, requestId, "application/problem+json") });
}

/** The shape that OpenAI's clients turn into their own exceptions: all four members, always. */
export function openAiErrorBody(code: ErrorCode, message: string, param: string | undefined, extra: Record<string, unknown> = {}) {
  return { error: { ...extra, message, type: ERRORS[code].type, param: param ?? null, code } };
}

export function openAiErrorResponse(error: WeirError, requestId: string): Response {
  const body = openAiErrorBody(error.code, error.message, error.details.param, error.details.extra);
  return new Response(JSON.stringify(body), { status: error.status, headers: errorHeaders(error, requestId, "application/json") });
}

function errorHeaders(error: WeirError, requestId: string, contentType: string): Headers {
  const headers = new Headers({ "content-type": contentType, "x-request-id": requestId, "cache-control": "no-store" });
  if (error.details.retryAfterSeconds !== undefined) headers.set("retry-after", String(error.details.retryAfterSeconds));
  if (error.code === "invalid_api_key") headers.set("www-authenticate", "Bearer");
  return headers;
}
