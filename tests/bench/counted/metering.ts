import type { Env } from "../../../workers/metering/src/env.ts";
import worker, { Meter as Uncounted } from "../../../workers/metering/src/index.ts";
import { counted, countedHandlers } from "./database.ts";

export class Meter extends Uncounted {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, counted(env));
  }
}

export default countedHandlers<Env>(worker);
