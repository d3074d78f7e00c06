import { CELLS } from "@weir/domain/cells";
import { WeirError } from "@weir/domain/errors";
import { randomPart } from "@weir/domain/ids";
import { causeOf, log } from "@weir/http/log";
import { openAiErrorResponse, problemResponse, toWeirError } from "@weir/http/problem";
import { cellOfRequest } from "./cell-of-request.ts";
import { CELL_WORKERS, of, workerOf } from "./cell-worker-of.ts";
import type { Env } from "./env.ts";
import { mergedDocument } from "./openapi.ts";

/**
 * The only thing outside a cell: finds the cell of a request and hands the request to that cell's worker, over a service binding and
 * by `fetch`, so that the worker may be placed near its data. It reads no body and keeps nothing.
 */
export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    try {
      if (url.pathname === "/health") return await health(env);
      if (url.pathname === "/openapi.json") return Response.json(await mergedDocument(env, url.origin));
      if (isPage(url.pathname)) return await env.ASSETS.fetch(request);
      return await forward(request, url, env);
    } catch (error) {
      const known = toWeirError(error);
      if (known.code === "internal") log({ level: "error", what: "the gateway failed", cause: causeOf(error) });
      const respond = /^\/v1(\/|$)/.test(url.pathname) ? openAiErrorResponse : problemResponse;
      return respond(known, `gw_${randomPart()}`);
    }
  },
} satisfies ExportedHandler<Env>;

async function forward(request: Request, url: URL, env: Env): Promise<Response> {
  const found = cellOfRequest(request.headers.get("authorization"), url, env.CELL_HOSTS);
  if ("refused" in found) {
    if (found.refused === "cell_mismatch") {
      throw new WeirError(
        "cell_mismatch",
        `The key belongs to the cell \`${found.key}\`, the host name to \`${found.host}\`. Nothing was forwarded.`,
      );
    }
    throw new WeirError(
      "cell_unknown",
      "Nothing in the request names a cell: send a key (`Authorization: Bearer wk_<cell>_…`) or use a cell's host name.",
    );
  }
  const worker = workerOf(env, found.cell, url.pathname);
  if (!worker) throw new WeirError("not_found", "No such path. `/openapi.json` lists all.");
  return worker.fetch(request);
}

function isPage(pathname: string): boolean {
  return pathname === "/" || pathname.startsWith("/console/");
}

/** Ready when every worker of every cell can read its database; says neither versions nor tenants. */
async function health(env: Env): Promise<Response> {
  const answers = await Promise.all(
    CELLS.flatMap((cell) =>
      CELL_WORKERS.map((worker) =>
        of(env, cell, worker)
          .fetch("https://cell.invalid/health")
          .then(
            (answer) => answer.ok,
            () => false,
          ),
      ),
    ),
  );
  const ready = answers.every(Boolean);
  return Response.json({ status: ready ? "ok" : "unavailable" }, { status: ready ? 200 : 503 });
}
