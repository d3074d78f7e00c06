import { createRoute, z } from "@hono/zod-openapi";
import { WeirError } from "@weir/domain/errors";
import { newRoutes } from "@weir/http/app";
import { objectInCell } from "@weir/http/jurisdiction";
import { guarded, pathId, problemAnswer } from "@weir/http/openapi";
import type { Env } from "../env.ts";

export const proofs = newRoutes<Env>();

const hex = z.string().regex(/^[0-9a-f]*$/);
const index = z.number().int().nonnegative();

const eventProof = z
  .object({
    event: z.record(z.string(), z.unknown()),
    leaf: z.string().openapi({ description: "The leaf's bytes: canonical JSON (RFC 8785)" }),
    index,
    tlog_proof: z.string().openapi({ description: "C2SP tlog-proof of the leaf, with the signed checkpoint" }),
    opening: z.object({
      leaf_id: z.string(),
      event_id: z.string(),
      key: hex.openapi({ description: "Opens this event and no other: HMAC-SHA-256(key, JCS(event)) is what was committed to" }),
    }),
    pack: z
      .object({
        id: z.string(),
        root: hex,
        size: index,
        index,
        path: z.array(hex),
        key: hex.openapi({ description: "HMAC-SHA-256(key, JCS({ v: 1, pack: id, count: size, root })) is `c` of the leaf" }),
      })
      .optional()
      .openapi({ description: "Where one leaf stands for many events: the path from this event's commitment to the pack's root" }),
  })
  .openapi("EventProof");

proofs.openapi(
  createRoute({
    method: "get",
    path: "/compliance/v1/proofs/{event_id}",
    summary: "The proof that one event is in the audit log",
    description:
      "Verifies offline with the log's key alone. Usage and refusals have the id of their request. `Accept: text/plain` gives the bare tlog-proof.",
    ...guarded("audit:read"),
    request: {
      params: z.object({
        event_id: pathId(
          "event",
          "A request's id, `req_<cell>_…`, an event's, or that of a thing (`con_…`, `grant_…`, `key_…`, `dep_…`, `t_…`): then the latest event about it",
        ),
      }),
    },
    responses: {
      200: {
        description: "The proof",
        content: { "application/json": { schema: eventProof }, "text/plain": { schema: z.string() } },
      },
      ...problemAnswer,
    },
  }),
  async (c) => {
    const { tenant } = c.get("caller");
    const answer = await objectInCell(c.env.LOG, c.env, tenant).proof(tenant, c.req.valid("param").event_id);
    if (answer.status === "unknown") throw new WeirError("not_found", "Nothing with this id is found.");
    if (answer.status === "unavailable") throw new WeirError("unavailable", answer.reason, { retryAfterSeconds: 5 });
    const proof = eventProof.parse(JSON.parse(answer.proof));
    c.header("cache-control", "no-store");
    return prefersText(c.req.header("accept")) ? c.text(proof.tlog_proof, 200) : c.json(proof, 200);
  },
);

/** `text/plain` is asked for by name; whoever takes anything gets JSON. */
function prefersText(accept: string | undefined): boolean {
  const types = new Set((accept ?? "").split(",").map((type) => type.split(";")[0]?.trim().toLowerCase()));
  return types.has("text/plain") && !types.has("application/json");
}
