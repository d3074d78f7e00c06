import type { WorkerName } from "@weir/events/workers";
import { objectInCell } from "./jurisdiction.ts";
import type { CellEnv } from "./cell-env.ts";

/** What changed in D1 and must be read anew by a tenant's Gate before anything else is admitted. */
export type GateChange = "keys" | "policy" | "models" | "credit" | { subject: string };

/** What other workers may ask of a tenant's Gate. */
export interface GateApi extends Rpc.DurableObjectBranded {
  /** Returns once nothing is admitted any more on what was known before; the time, ms. */
  apply(tenant: string, changes: GateChange[]): Promise<number>;
  /** A worker has recorded a pack of the Gate's events. */
  confirm(pack: string, worker: WorkerName): Promise<void>;
  /** Every deployment of a model under the residency policy, for a request that is not made; undefined: no such model. */
  preview(
    tenant: string,
    model: string,
    country: string | undefined,
  ): Promise<readonly { id: string; eligible: boolean; reasons: readonly string[] }[] | undefined>;
}

export type GateNamespace = DurableObjectNamespace<GateApi>;

/** When a change holds for every request that arrives later; null: the Gate was not reached; the event of the change tells
 * it, or at the latest the age of its snapshot, a minute. */
export interface Effective {
  effective_at: string | null;
}

/** Tells the tenant's Gate of a change that is committed. Never throws: the change stands, and is told again. */
export async function tellGate(
  env: Pick<CellEnv, "CELL" | "ENVIRONMENT"> & { GATE: GateNamespace },
  tenant: string,
  changes: GateChange[],
): Promise<Effective> {
  try {
    const effectiveAt = await objectInCell(env.GATE, env, tenant).apply(tenant, changes);
    return { effective_at: new Date(effectiveAt).toISOString() };
  } catch {
    return { effective_at: null };
  }
}

/** Packs of a Gate are named `gate:<tenant>:<number>`, so that whoever has recorded one knows whom to tell. */
export function gatePackId(tenant: string, number: number): string {
  return `gate:${tenant}:${number}`;
}

/** Tells the Gate that sent a pack that this worker has recorded it; other senders are told by the inbox row. */
export async function confirmPack(
  env: Pick<CellEnv, "CELL" | "ENVIRONMENT"> & { GATE: GateNamespace },
  worker: WorkerName,
  pack: string,
): Promise<void> {
  const [sender, tenant] = pack.split(":");
  if (sender === "gate" && tenant !== undefined) await objectInCell(env.GATE, env, tenant).confirm(pack, worker);
}
