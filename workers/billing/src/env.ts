import type { CellEnv } from "@weir/http/cell-env";
import type { GateNamespace } from "@weir/http/gate-client";

export interface Env extends CellEnv {
  GATE: GateNamespace;
}
