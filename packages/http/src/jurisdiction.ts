import type { CellEnv } from "./cell-env.ts";

/**
 * A Durable Object of the cell, by name, inside the cell's jurisdiction. Local workerd does not implement jurisdictions
 * (it throws), so there each cell has its own namespace instead; in production that stand-in is never taken.
 */
export function objectInCell<T extends Rpc.DurableObjectBranded | undefined>(
  namespace: DurableObjectNamespace<T>,
  env: Pick<CellEnv, "CELL" | "ENVIRONMENT">,
  name: string,
): DurableObjectStub<T> {
  return (env.ENVIRONMENT === "production" ? namespace.jurisdiction(env.CELL) : namespace).getByName(name);
}
