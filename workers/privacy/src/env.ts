import type { CellEnv } from "@weir/http/cell-env";
import type { GateNamespace } from "@weir/http/gate-client";
import type { LogNamespace } from "@weir/http/log-client";

export interface Env extends CellEnv {
  GATE: GateNamespace;
  LOG: LogNamespace;
}
