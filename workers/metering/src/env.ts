import type { CellEnv } from "@weir/http/cell-env";
import type { Meter } from "./meter.ts";

export interface Env extends CellEnv {
  METER: DurableObjectNamespace<Meter>;
}
