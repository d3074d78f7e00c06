import type { Env } from "../../../workers/inference/src/env.ts";
import worker, { Gate as Uncounted } from "../../../workers/inference/src/index.ts";
import { counted, countedHandlers } from "./database.ts";

export class Gate extends Uncounted {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, counted(env));
  }
}

export default countedHandlers<Env>(worker);
