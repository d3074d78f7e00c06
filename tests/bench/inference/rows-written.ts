import { join } from "node:path";
import { bundleWorker } from "../../../packages/cli/src/bundle.ts";
import { CELL_WORKERS, compileStack } from "../../../packages/cli/src/stack.ts";
import { until } from "../../support/client.ts";
import { ROWS_WRITTEN, type RowsWritten } from "../counted/database.ts";
import { type Program, startProgram } from "../processes.ts";
import { runSlice } from "./slice.ts";
import { bootWeir, GATEWAY, type Weir } from "./weir.ts";

export interface RowsPerRequest {
  requests: number;
  requestsPerSecond: number;
  /** By table, over the whole run; largest first. */
  tables: RowsWritten[];
}

const CONCURRENCY = 16;
const DRAIN_TIMEOUT_MS = 60_000;

/**
 * D1 rows that one tenant's requests write, from `meta.rows_written` of every statement of every worker of the cell: until all of the
 * usage is billed, and the sweep has deleted what was sent.
 */
export async function measureRowsWritten(load: Program, seconds: number): Promise<RowsPerRequest> {
  const tables = new Map<string, number>();
  const onLog = (line: string) => {
    const json = line.split(`${ROWS_WRITTEN} `)[1];
    if (json === undefined) return;
    const { table, rows }: RowsWritten = JSON.parse(json);
    tables.set(table, (tables.get(table) ?? 0) + rows);
  };
  const mock = await startProgram(join(import.meta.dirname, "mock-upstream.ts"));
  const upstream = `http://127.0.0.1:${String(mock.greeting)}`;
  const weir = await bootWeir(upstream, { directSockets: [GATEWAY], onLog }, await countedScripts());
  try {
    const url = `${await weir.stack.directUrl(GATEWAY)}/v1/chat/completions`;
    const headers = { "content-type": "application/json", ...weir.headers };
    const body = JSON.stringify({ model: "bench", messages: [{ role: "user", content: "Say two dozen words." }], max_tokens: 64 });
    const slice = async (forSeconds: number) => {
      const result = await runSlice(load, { url, headers, body, concurrency: CONCURRENCY, seconds: forSeconds });
      // The first request of each connection is not in the figures, but was answered.
      return { ...result, requests: result.requests + CONCURRENCY };
    };
    const warmUp = await slice(1);
    await allBilled(weir, warmUp.requests);
    tables.clear();
    const { requests, seconds: took } = await slice(seconds);
    await allBilled(weir, warmUp.requests + requests);
    await weir.stack.sweep();
    const sorted = [...tables].map(([table, rows]) => ({ table, rows })).sort((a, b) => b.rows - a.rows);
    return { requests, requestsPerSecond: requests / took, tables: sorted };
  } finally {
    await weir.stack.stop();
    await mock.stop();
  }
}

/** The workers of a cell as they are, with a database that says what it writes. */
async function countedScripts(): Promise<Awaited<ReturnType<typeof compileStack>>> {
  const scripts = await compileStack();
  for (const worker of CELL_WORKERS) scripts[worker] = await bundleWorker(join(import.meta.dirname, `../counted/${worker}.ts`));
  return scripts;
}

/** Waits until so many requests are billed and the Gate has returned what it had set aside, but for a fraction of a nano. */
async function allBilled({ stack, tenant }: Weir, requests: number): Promise<void> {
  const db = await stack.database("eu");
  const state = db
    .prepare(
      `SELECT (SELECT COALESCE(SUM(requests), 0) FROM rated_usage WHERE tenant = ?1) AS billed,
         (SELECT held FROM wallet WHERE tenant = ?1) AS held`,
    )
    .bind(tenant);
  const read = () => state.first<{ billed: number; held: number }>();
  await until(read, (row) => row !== null && row.billed >= requests && row.held <= 1, DRAIN_TIMEOUT_MS);
}
