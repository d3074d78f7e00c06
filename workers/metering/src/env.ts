import type { CellEnv } from "@weir/http/cell-env";
import type { GateNamespace } from "@weir/http/gate-client";
import type { Meter } from "./meter.ts";

export interface Env extends CellEnv {
  METER: DurableObjectNamespace<Meter>;
  GATE: GateNamespace;
}
