import { z } from "@hono/zod-openapi";
import type { Scope } from "@weir/domain/scopes";
import type { MiddlewareHandler } from "hono";
import { requireScope, type HttpEnv } from "./auth.ts";

/** What a path parameter names. The isolation matrix tries each with another tenant's; a parameter without one fails the build. */
export type Resource =
  | "tenant"
  | "key"
  | "deployment"
  | "subject"
  | "purpose"
  | "notice"
  | "request"
  | "event"
  | "log"
  | "tile"
  | "dead_letter"
  | "model"
  | "transaction";

export function pathId(resource: Resource, description: string) {
  return z.string().min(1).max(200).openapi({ description, "x-weir-resource": resource });
}

/** Requires a key with one of the scopes, and says so in the OpenAPI document. */
export function guarded(...anyOf: [Scope, ...Scope[]]): { security: Record<string, string[]>[]; middleware: MiddlewareHandler<HttpEnv>[] } {
  return { security: anyOf.map((scope) => ({ apiKey: [scope] })), middleware: [requireScope(...anyOf)] };
}

export function jsonBody<Schema extends z.ZodType>(schema: Schema) {
  return { body: { required: true, content: { "application/json": { schema } } } } as const;
}

export function jsonAnswer<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { "application/json": { schema } } } as const;
}

const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.string(),
    param: z.string().optional(),
    instance: z.string(),
  })
  .openapi("Problem");

/** The answer to everything that goes wrong (RFC 9457). */
export const problemAnswer = {
  default: { description: "What went wrong, with a stable `code`.", content: { "application/problem+json": { schema: problem } } },
} as const;

export const apiKeyScheme = {
  type: "http",
  scheme: "bearer",
  description: "A key `wk_<cell>_…`. The list beside it in an operation's `security` is the scopes, one of which the key must have.",
} as const;
