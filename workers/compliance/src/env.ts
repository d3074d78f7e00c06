import type { CellEnv } from "@weir/http/cell-env";
import type { GateNamespace } from "@weir/http/gate-client";
import type { Log } from "./log.ts";

export interface Env extends CellEnv {
  BUCKET: R2Bucket;
  LOG: DurableObjectNamespace<Log>;
  GATE: GateNamespace;
  /** The host in the origin of logs that are begun from now on, `audit.example.com`; a log keeps the origin that it began with. */
  LOG_HOST?: string;
}
