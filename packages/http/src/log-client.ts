import type { CellEnv } from "./cell-env.ts";
import { objectInCell } from "./jurisdiction.ts";

/** What other workers may ask of a tenant's audit log. */
export interface LogApi extends Rpc.DurableObjectBranded {
  /** JSON of the CloudEvent with this id; undefined: the log has none. Usage and refusals have the request's id. */
  event(tenant: string, eventId: string): Promise<string | undefined>;
}

export type LogNamespace = DurableObjectNamespace<LogApi>;

/** The tenant's audit log: one object per tenant, under the tenant's id. */
export function logOf(env: Pick<CellEnv, "CELL" | "ENVIRONMENT"> & { LOG: LogNamespace }, tenant: string): DurableObjectStub<LogApi> {
  return objectInCell(env.LOG, env, tenant);
}
