import type { Env } from "../../../workers/compliance/src/env.ts";
import worker, { Log as Uncounted } from "../../../workers/compliance/src/index.ts";
import { counted, countedHandlers } from "./database.ts";

export class Log extends Uncounted {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, counted(env));
  }
}

export default countedHandlers<Env>(worker);
