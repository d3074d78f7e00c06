import type { Env } from "../../../workers/privacy/src/env.ts";
import worker from "../../../workers/privacy/src/index.ts";
import { countedHandlers } from "./database.ts";

export default countedHandlers<Env>(worker);
