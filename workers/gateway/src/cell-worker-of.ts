import type { Cell } from "@weir/domain/cells";
import type { Env } from "./env.ts";

/** The worker of a cell that owns a path; undefined: no worker does. */
export function workerOf(env: Env, cell: Cell, pathname: string): Fetcher | undefined {
  const [first = "", second = ""] = pathname.slice(1).split("/");
  if (first === "v1") return of(env, cell, "inference");
  if (first === "audit") return of(env, cell, "compliance");
  if (second !== "v1") return undefined;
  return isWorker(first) ? of(env, cell, first) : undefined;
}

export const CELL_WORKERS = ["inference", "metering", "billing", "privacy", "compliance"] as const;
export type CellWorker = (typeof CELL_WORKERS)[number];

function isWorker(name: string): name is CellWorker {
  return CELL_WORKERS.some((worker) => worker === name);
}

export function of(env: Env, cell: Cell, worker: CellWorker): Fetcher {
  const workers: Record<Cell, Record<CellWorker, Fetcher>> = {
    eu: {
      inference: env.EU_INFERENCE,
      metering: env.EU_METERING,
      billing: env.EU_BILLING,
      privacy: env.EU_PRIVACY,
      compliance: env.EU_COMPLIANCE,
    },
    us: {
      inference: env.US_INFERENCE,
      metering: env.US_METERING,
      billing: env.US_BILLING,
      privacy: env.US_PRIVACY,
      compliance: env.US_COMPLIANCE,
    },
  };
  return workers[cell][worker];
}
