/**
 * Every error that a caller can meet, with its HTTP status, its title, and its `type` on `/v1` (OpenAI's word for the class).
 * One table: problem+json (RFC 9457) and the OpenAI error body are both made from it.
 */
export const ERRORS = {
  invalid_request: { status: 400, title: "The request is not valid", type: "invalid_request_error" },
  malformed_json: { status: 400, title: "The body is not valid JSON", type: "invalid_request_error" },
  cell_unknown: { status: 400, title: "No cell is named by the request", type: "invalid_request_error" },
  subject_conflict: { status: 400, title: "The request names two different subjects", type: "invalid_request_error" },
  context_length_exceeded: { status: 400, title: "The prompt is longer than the model's context", type: "invalid_request_error" },
  unsupported_language: { status: 400, title: "The model does not know the language of the text", type: "invalid_request_error" },
  unsupported_parameter: { status: 400, title: "The model cannot do what a field asks for", type: "invalid_request_error" },
  invalid_api_key: { status: 401, title: "The API key is not valid", type: "authentication_error" },
  insufficient_quota: { status: 402, title: "No credit is left", type: "insufficient_quota" },
  insufficient_scope: { status: 403, title: "The key lacks a scope", type: "permission_error" },
  scope_not_held: { status: 403, title: "A key cannot grant a scope that it lacks", type: "permission_error" },
  residency_unavailable: { status: 403, title: "No deployment lies within the residency policy", type: "permission_error" },
  consent_required: { status: 403, title: "Consent was never asked", type: "permission_error" },
  consent_refused: { status: 403, title: "Consent was refused", type: "permission_error" },
  consent_withdrawn: { status: 403, title: "Consent was withdrawn", type: "permission_error" },
  consent_expired: { status: 403, title: "Consent has expired", type: "permission_error" },
  reconsent_required: { status: 403, title: "The notice has changed materially since consent was given", type: "permission_error" },
  processing_objected: { status: 403, title: "The person has objected to this processing", type: "permission_error" },
  processing_restricted: { status: 403, title: "Processing for this person is restricted", type: "permission_error" },
  egress_refused: { status: 403, title: "The address may not be called", type: "permission_error" },
  not_found: { status: 404, title: "Nothing is found here", type: "invalid_request_error" },
  model_not_found: { status: 404, title: "The model does not exist", type: "invalid_request_error" },
  method_not_allowed: { status: 405, title: "The path exists, with another method", type: "invalid_request_error" },
  conflict: { status: 409, title: "The state has changed meanwhile", type: "conflict_error" },
  already_exists: { status: 409, title: "It exists already", type: "conflict_error" },
  payload_too_large: { status: 413, title: "The body is too large", type: "invalid_request_error" },
  unsupported_media_type: { status: 415, title: "The content type is not understood", type: "invalid_request_error" },
  cell_mismatch: { status: 421, title: "The key and the address name different cells", type: "invalid_request_error" },
  unprocessable: { status: 422, title: "A field has a value that cannot be used", type: "invalid_request_error" },
  purpose_unknown: { status: 422, title: "The purpose is not configured", type: "invalid_request_error" },
  bundled_consent: { status: 422, title: "Consent to a separable purpose may not be demanded", type: "invalid_request_error" },
  idempotency_key_required: { status: 400, title: "What moves money needs an Idempotency-Key", type: "invalid_request_error" },
  idempotency_key_reused: { status: 422, title: "The Idempotency-Key was used with another body", type: "invalid_request_error" },
  rate_limited: { status: 429, title: "Too many requests", type: "rate_limit_error" },
  overloaded: { status: 503, title: "The model is busy", type: "overloaded_error" },
  internal: { status: 500, title: "Something broke on our side", type: "api_error" },
  upstream_failed: { status: 502, title: "The provider failed", type: "api_error" },
  unavailable: { status: 503, title: "A part of the cell cannot be reached", type: "api_error" },
  upstream_timeout: { status: 504, title: "The provider did not answer in time", type: "api_error" },
} as const satisfies Record<string, { status: number; title: string; type: string }>;

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorDetails {
  /** The field at fault, as a path: `price.input`. */
  param?: string;
  /** Seconds after which the same request may succeed. */
  retryAfterSeconds?: number;
  /** More facts for the caller, shown as members of the problem document. */
  extra?: Record<string, unknown>;
  cause?: unknown;
}

/** A failure that the caller can act on. Anything else that is thrown is a bug and becomes `internal`. */
export class WeirError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.name = "WeirError";
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }
}
