import { join } from "node:path";
import type { BenchOptions } from "../options.ts";
import { type Program, startProgram } from "../processes.ts";
import { conditions, writeSection } from "../report.ts";
import { type Cell, measure } from "./measure.ts";
import { figuresText, goalsText, rowsText } from "./report.ts";
import { measureRowsWritten } from "./rows-written.ts";
import { startTargets } from "./targets.ts";

const PACKAGES = {
  workerd: "workerd",
  miniflare: "miniflare",
  Hono: "hono",
  "Portkey gateway": "@portkey-ai/gateway",
  "with Hono": "@portkey-ai/gateway/node_modules/hono",
  "and @hono/node-server": "@portkey-ai/gateway/node_modules/@hono/node-server",
};

const ROWS_SECONDS = 10;

/** Weir beside its peer and beside nothing at all. A run of all targets is written down; a run of some is only printed. */
export async function inferenceBench(options: BenchOptions): Promise<void> {
  const command = `npm run bench -- inference --seconds ${options.seconds} --passes ${options.passes}`;
  const where = await conditions(command, PACKAGES);
  const load = await startProgram(join(import.meta.dirname, "load.ts"));
  try {
    const cells = await measureTargets(load, options);
    if (options.only !== undefined) return console.log(figuresText(cells));
    const rows = await measureRowsWritten(load, ROWS_SECONDS);
    const goals = `### Goals\n\n${goalsText(cells, rows)}`;
    const text = [where, figuresText(cells), `### Rows in D1\n\n${rowsText(rows)}`, goals].join("\n\n");
    console.log(text);
    await writeSection("inference", text);
  } finally {
    await load.stop();
  }
}

async function measureTargets(load: Program, options: BenchOptions): Promise<Cell[]> {
  const { targets, stop } = await startTargets();
  try {
    const chosen = targets.filter(({ name }) => name.includes(options.only ?? ""));
    return await measure(load, chosen, options, (line) => console.error(line));
  } finally {
    await stop();
  }
}
