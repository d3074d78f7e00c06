import type { Env } from "../../../workers/billing/src/env.ts";
import worker, { Wallet as Uncounted } from "../../../workers/billing/src/index.ts";
import { counted, countedHandlers } from "./database.ts";

export class Wallet extends Uncounted {
  constructor(ctx: ExecutionContext, env: Env) {
    super(ctx, counted(env));
  }
}

export default countedHandlers<Env>(worker);
