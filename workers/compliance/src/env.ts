import type { CellEnv } from "@weir/http/cell-env";
import type { Log } from "./log.ts";

export interface Env extends CellEnv {
  BUCKET: R2Bucket;
  LOG: DurableObjectNamespace<Log>;
  /** The host in the origin of logs that are begun from now on, `audit.example.com`; a log keeps the origin that it began with. */
  LOG_HOST?: string;
}
