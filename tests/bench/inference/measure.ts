import { setTimeout as sleep } from "node:timers/promises";
import { cpuMicros, type Program } from "../processes.ts";
import { median } from "../statistics.ts";
import { runSlice } from "./slice.ts";
import type { Target } from "./targets.ts";

export const CONCURRENCIES = [1, 16, 64] as const;
export const MODES = ["non-streaming", "streaming"] as const;
export type Mode = (typeof MODES)[number];

/** What is compared: medians over the passes. */
export interface Figures {
  p50Ms: number;
  p99Ms: number;
  firstByteP50Ms: number;
  firstByteP99Ms: number;
  requestsPerSecond: number;
  /** NaN where the system does not tell. */
  cpuMicrosPerRequest: number;
}

export interface Cell {
  target: string;
  mode: Mode;
  concurrency: number;
  figures: Figures;
}

interface Plan {
  seconds: number;
  passes: number;
}

const WARM_UP_SECONDS = 1;
const MESSAGES = [{ role: "user", content: "Say two dozen words." }];

/** Pass by pass, one slice of each target after the other: what disturbs the machine disturbs all of them. */
export async function measure(load: Program, targets: readonly Target[], plan: Plan, say: (line: string) => void): Promise<Cell[]> {
  const slices = new Map<string, { cell: Omit<Cell, "figures">; runs: Figures[] }>();
  for (const target of targets) {
    for (const mode of MODES) await measureSlice(load, target, mode, 16, WARM_UP_SECONDS);
  }
  for (let pass = 1; pass <= plan.passes; pass++) {
    for (const mode of MODES) {
      for (const concurrency of CONCURRENCIES) {
        for (const target of targets) {
          const figures = await measureSlice(load, target, mode, concurrency, plan.seconds);
          const cell = { target: target.name, mode, concurrency };
          const key = JSON.stringify(cell);
          slices.set(key, { cell, runs: [...(slices.get(key)?.runs ?? []), figures] });
          say(`pass ${pass}  ${mode}  c=${concurrency}  ${target.name}: ${inShort(figures)}`);
        }
      }
    }
  }
  return [...slices.values()].map(({ cell, runs }) => ({ ...cell, figures: medians(runs) }));
}

async function measureSlice(load: Program, target: Target, mode: Mode, concurrency: number, seconds: number): Promise<Figures> {
  const streaming = { stream: true, stream_options: { include_usage: true } };
  const body = JSON.stringify({ model: "bench", messages: MESSAGES, max_tokens: 64, ...(mode === "streaming" ? streaming : {}) });
  const headers = { "content-type": "application/json", "content-length": String(body.length), ...target.headers };
  const before = cpuOf(target);
  const result = await runSlice(load, { url: target.url, headers, body, concurrency, seconds });
  await sleep(target.drainMs);
  return {
    ...result,
    requestsPerSecond: result.requests / result.seconds,
    // The first request of each connection was answered too.
    cpuMicrosPerRequest: (cpuOf(target) - before) / (result.requests + concurrency),
  };
}

function cpuOf(target: Target): number {
  return (target.pid === undefined ? undefined : cpuMicros(target.pid)) ?? NaN;
}

function medians(runs: readonly Figures[]): Figures {
  const of = (read: (figures: Figures) => number) => median(runs.map(read));
  return {
    p50Ms: of((run) => run.p50Ms),
    p99Ms: of((run) => run.p99Ms),
    firstByteP50Ms: of((run) => run.firstByteP50Ms),
    firstByteP99Ms: of((run) => run.firstByteP99Ms),
    requestsPerSecond: of((run) => run.requestsPerSecond),
    cpuMicrosPerRequest: of((run) => run.cpuMicrosPerRequest),
  };
}

function inShort({ p50Ms, p99Ms, requestsPerSecond, cpuMicrosPerRequest }: Figures): string {
  return `p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(1)} ms, ${requestsPerSecond.toFixed(0)}/s, ${cpuMicrosPerRequest.toFixed(0)} µs`;
}
