import type { CellEnv } from "@weir/http/cell-env";
import type { Gate } from "./gate.ts";
import type { WalletApi } from "./allowance.ts";

export interface Env extends CellEnv {
  GATE: DurableObjectNamespace<Gate>;
  WALLET: WalletApi;
  ASSETS: Fetcher;
  /** Workers AI, the edge GPUs: bound in production only, since it has no local stand-in. */
  AI?: Ai;
}
