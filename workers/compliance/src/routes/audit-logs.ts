import { createRoute, z } from "@hono/zod-openapi";
import { parseTilePath, TILE_WIDTH } from "@weir/domain/compliance/tile-path";
import { WeirError } from "@weir/domain/errors";
import { logOfTenant } from "@weir/domain/ids";
import { newRoutes } from "@weir/http/app";
import { requireScope, type Caller } from "@weir/http/auth";
import { objectInCell } from "@weir/http/jurisdiction";
import { guarded, pathId, problemAnswer } from "@weir/http/openapi";
import type { Env } from "../env.ts";
import { bucketKey } from "../log-bucket.ts";

export const auditLogs = newRoutes<Env>();

const logPath = z.object({ log: pathId("log", "The log's id, `log_<cell>_…`: the tenant's, with another prefix") });
const binary = z.string().openapi({ format: "binary" });

auditLogs.openapi(
  createRoute({
    method: "get",
    path: "/audit/{log}/checkpoint",
    summary: "The log's latest signed checkpoint",
    description: "A C2SP tlog-checkpoint: origin, size and root, signed with the log's Ed25519 key.",
    ...guarded("audit:read"),
    request: { params: logPath },
    responses: { 200: { description: "A signed note", content: { "text/plain": { schema: z.string() } } }, ...problemAnswer },
  }),
  async (c) => {
    const log = ownLog(c.get("caller"), c.req.valid("param").log);
    const stored = await readFile(c.env.BUCKET, log, "/checkpoint");
    return c.text(await stored.text(), 200, { "cache-control": "private, max-age=1" });
  },
);

auditLogs.openapi(
  createRoute({
    method: "get",
    path: "/audit/{log}/vkey",
    summary: "The key that the log's checkpoints are verified with",
    description:
      "A C2SP signed-note verifier key: `<origin>+<key id>+<base64>`. Keep it: a log that is checked with a key of the same day proves less.",
    ...guarded("audit:read"),
    request: { params: logPath },
    responses: { 200: { description: "A verifier key", content: { "text/plain": { schema: z.string() } } }, ...problemAnswer },
  }),
  async (c) => {
    const { tenant } = c.get("caller");
    ownLog(c.get("caller"), c.req.valid("param").log);
    return c.text(await objectInCell(c.env.LOG, c.env, tenant).vkey(tenant), 200);
  },
);

const tileRoute = createRoute({
  method: "get",
  path: "/audit/{log}/tile/{path}",
  summary: "A tile of hashes, or a bundle of entries",
  description:
    "C2SP tlog-tiles: `<level>/<index>`, `entries/<index>`, the index in groups of three digits, `.p/<width>` behind a partial one. The path has slashes.",
  ...guarded("audit:read"),
  request: { params: logPath.extend({ path: pathId("tile", "`0/x001/067`, `1/000.p/17`, `entries/000`") }) },
  responses: { 200: { description: "The bytes", content: { "application/octet-stream": { schema: binary } } }, ...problemAnswer },
});

// OpenAPI has no parameter that spans slashes, so the route is documented and mounted apart.
auditLogs.openAPIRegistry.registerPath(tileRoute);
auditLogs.get("/audit/:log/tile/*", requireScope("audit:read"), async (c) => {
  const log = ownLog(c.get("caller"), c.req.param("log"));
  const path = new URL(c.req.url).pathname.slice(`/audit/${log}`.length);
  const tile = parseTilePath(path);
  if (!tile) throw notFound();
  const stored = await readFile(c.env.BUCKET, log, path);
  // Full tiles never change; a partial one never changes either, and is gone some day.
  const cache = tile.width === TILE_WIDTH ? "private, max-age=31536000, immutable" : "private, max-age=60";
  return c.body(stored.body, 200, { "content-type": "application/octet-stream", "cache-control": cache });
});

/** The log of the caller's own tenant. Any other answers like one that does not exist. */
function ownLog(caller: Caller, log: string): string {
  if (logOfTenant(caller.tenant) !== log) throw notFound();
  return log;
}

async function readFile(bucket: R2Bucket, log: string, path: string): Promise<R2ObjectBody> {
  const stored = await bucket.get(bucketKey(log, path));
  if (!stored) throw notFound();
  return stored;
}

function notFound(): WeirError {
  return new WeirError("not_found", "Nothing with this id is found.");
}
