import { CELLS } from "@weir/domain/cells";
import { WeirError } from "@weir/domain/errors";
import { CELL_WORKERS, of } from "./cell-worker-of.ts";
import type { Env } from "./env.ts";

interface OpenApiPart {
  paths?: Record<string, unknown>;
  components?: Record<string, Record<string, unknown>>;
}

const HEALTH = {
  get: {
    summary: "Whether every cell can be reached",
    security: [],
    responses: { 200: { description: "Ready" }, 503: { description: "A cell cannot be reached" } },
  },
};
const OPENAPI = { get: { summary: "This document", security: [], responses: { 200: { description: "OpenAPI 3.1" } } } };

/** The documents of a cell's workers as one. Cells run the same code, so any cell's parts are the whole. */
export async function mergedDocument(env: Env, origin: string): Promise<unknown> {
  const parts = await Promise.all(
    CELL_WORKERS.map(async (worker): Promise<OpenApiPart> => {
      const answer = await of(env, CELLS[0], worker).fetch(`${origin}/openapi.json`);
      // Half a document would look like a whole one.
      if (!answer.ok) throw new WeirError("unavailable", "A part of the document cannot be had right now.", { retryAfterSeconds: 1 });
      return answer.json();
    }),
  );
  const components: Record<string, Record<string, unknown>> = {};
  for (const part of parts) {
    for (const [kind, entries] of Object.entries(part.components ?? {})) components[kind] = { ...components[kind], ...entries };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Weir",
      version: "1",
      description:
        "Serves models at the edge, meters every token, bills it exactly, and can show afterwards that consent and data residency were respected.",
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
    servers: [{ url: origin }],
    security: [{ apiKey: [] }],
    paths: Object.assign({ "/health": HEALTH, "/openapi.json": OPENAPI }, ...parts.map((part) => part.paths ?? {})),
    components,
  };
}
