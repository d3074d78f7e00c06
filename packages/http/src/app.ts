import { OpenAPIHono } from "@hono/zod-openapi";
import { WeirError } from "@weir/domain/errors";
import { newId } from "@weir/domain/ids";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import type { MiddlewareHandler } from "hono";
import type { z } from "zod";
import type { HttpEnv } from "./auth.ts";
import type { CellEnv } from "./cell-env.ts";
import { readJson } from "./json-body.ts";
import { causeOf, log } from "./log.ts";
import { openAiErrorResponse, problemResponse, toWeirError } from "./problem.ts";

export interface AppOptions {
  /** `/v1` answers errors in OpenAI's shape, everything else as problem documents. */
  errors: "problem" | "openai";
  maxBodyBytes?: number;
  /** Runs before a body is read: what can be refused without it costs no more than that. */
  before?: MiddlewareHandler<HttpEnv>;
  /** Where its middleware applies; apps that are mounted side by side each keep to their own paths. */
  path?: string;
}

// Control-plane bodies are small; a notice's text is the largest.
const MAX_BODY_BYTES = 256 * 1024;

/** The routes of one file. They bring no middleware: the app that they are mounted in has it once. */
export function newRoutes<Bindings extends CellEnv>(): OpenAPIHono<HttpEnv<Bindings>> {
  return new OpenAPIHono<HttpEnv<Bindings>>({
    defaultHook: (result) => {
      if (!result.success) throw invalidRequest(result.error);
    },
  });
}

/** A worker's app: request ids, one error shape, JSON bodies that say where they are broken. */
export function newApp<Bindings extends CellEnv>(options: AppOptions): OpenAPIHono<HttpEnv<Bindings>> {
  const respond = options.errors === "openai" ? openAiErrorResponse : problemResponse;
  const app = newRoutes<Bindings>();
  const path = options.path ?? "*";
  app.use(path, requestId);
  app.use(path, refuseUnreadyProduction);
  if (options.before) app.use(path, options.before);
  app.use(
    path,
    bodyLimit({
      maxSize: options.maxBodyBytes ?? MAX_BODY_BYTES,
      onError: async (c) => {
        await discard(c.req.raw.body);
        throw new WeirError("payload_too_large", `A body may have at most ${options.maxBodyBytes ?? MAX_BODY_BYTES} bytes.`);
      },
    }),
  );
  app.use(path, jsonOnly);
  app.onError((error, c) => {
    const known = toWeirError(asOurs(error));
    // The route's template, never the path: a path can carry a person's reference.
    if (known.code === "internal") log({ level: "error", what: "a request failed", route: c.req.routePath, cause: causeOf(error) });
    return respond(known, c.get("requestId"));
  });
  return app;
}

/** Takes over a client's own request id where it is harmless, else makes one; every answer carries it. */
const requestId: MiddlewareHandler<HttpEnv> = async (c, next) => {
  const id = newId("request", c.env.CELL);
  c.set("requestId", id);
  await next();
  c.res.headers.set("x-request-id", id);
  const sent = c.req.header("x-client-request-id");
  if (sent !== undefined && /^[\w-]{1,64}$/.test(sent)) c.res.headers.set("x-client-request-id", sent);
};

/**
 * Reads what is left of a body that is refused. A connection closed on a client that is still sending gives it a broken pipe instead of
 * the answer. Cloudflare ends a body at 100 MB itself.
 */
async function discard(body: ReadableStream | null): Promise<void> {
  try {
    await body?.pipeTo(new WritableStream());
  } catch {
    // Read in part already, or the client is gone: either way nothing is left to read.
  }
}

const refuseUnreadyProduction: MiddlewareHandler<HttpEnv> = async (c, next) => {
  if (c.env.ENVIRONMENT === "production" && (c.env.EGRESS_ALLOW !== undefined || !c.env.CELL_KEY || !c.env.OPERATOR_KEY_HASH)) {
    throw new WeirError("unavailable", "This cell is not configured for production: secrets are missing, or a local setting is present.");
  }
  await next();
};

const jsonOnly: MiddlewareHandler<HttpEnv> = async (c, next) => {
  const method = c.req.method;
  if (method === "POST" || method === "PUT" || method === "PATCH") {
    const type = c.req.header("content-type") ?? "";
    const text = await c.req.text();
    if (text !== "" || type !== "") {
      if (!/^application\/(json|[\w.-]+\+json)\s*(;|$)/i.test(type)) {
        throw new WeirError(
          "unsupported_media_type",
          `Send the body as application/json, not ${type === "" ? "without a type" : `as ${type.slice(0, 80)}`}.`,
          {
            param: "content-type",
          },
        );
      }
      readJson(text);
    }
  }
  await next();
};

/** What the framework refuses by itself: a content type that `jsonOnly` lets pass and the route's validator does not. */
function asOurs(error: Error): Error {
  if (!(error instanceof HTTPException) || error.status >= 500) return error;
  if (error.status === 415) return new WeirError("unsupported_media_type", "Send the body as application/json.", { param: "content-type" });
  return new WeirError("invalid_request", "The request does not have the documented form.", { cause: error });
}

/** The first fault as the message, all of them in `errors`: each names its field. */
export function invalidRequest(error: z.core.$ZodError): WeirError {
  const errors = error.issues.map((issue) => ({ field: fieldOf(issue), message: issue.message }));
  const first = errors[0] ?? { field: "", message: "The request does not have the documented form." };
  return new WeirError("invalid_request", first.field === "" ? first.message : `${first.field}: ${first.message}`, {
    ...(first.field === "" ? {} : { param: first.field }),
    extra: { errors },
  });
}

function fieldOf(issue: z.core.$ZodIssue): string {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys" && issue.keys[0] !== undefined) path.push(issue.keys[0]);
  return path.join(".");
}
