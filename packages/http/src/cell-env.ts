import type { Cell } from "@weir/domain/cells";
import type { InboxBindings } from "@weir/events/workers";

/** What every worker of a cell is given. */
export interface CellEnv extends InboxBindings {
  CELL: Cell;
  ENVIRONMENT: "local" | "production";
  DB: D1Database;
  /** 32 random bytes, base64: the root of every key that seals data at rest. */
  CELL_KEY: string;
  /** SHA-256 of the operator's key, hex. */
  OPERATOR_KEY_HASH: string;
  /** Local use only: origins on this machine that `egress` may call, separated by commas. */
  EGRESS_ALLOW?: string;
}
