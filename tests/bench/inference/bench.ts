import { join } from "node:path";
import type { BenchOptions } from "../options.ts";
import { startProgram } from "../processes.ts";
import { measure } from "./measure.ts";
import { startTargets } from "./targets.ts";

export async function inferenceBench(options: BenchOptions): Promise<void> {
  const { targets, stop } = await startTargets();
  const load = await startProgram(join(import.meta.dirname, "load.ts"));
  try {
    const chosen = targets.filter(({ name }) => name.includes(options.only ?? ""));
    const cells = await measure(load, chosen, options, (line) => console.error(line));
    console.log(JSON.stringify(cells));
  } finally {
    await load.stop();
    await stop();
  }
}
