import { dispatch } from "@weir/events/inbox";
import { cellWorker } from "@weir/http/cell-worker";
import { composeApp } from "@weir/http/compose";
import { confirmPack } from "@weir/http/gate-client";
import { meterUsage } from "./consumers/inference-completed.ts";
import type { Env } from "./env.ts";
import { forgetOldFlushes } from "./meter.ts";
import { usage } from "./routes/usage.ts";

export { Meter } from "./meter.ts";

const app = composeApp<Env>([usage]);

export default cellWorker<Env>({
  worker: "metering",
  fetch: app.fetch,
  forget: forgetOldFlushes,
  handle: (env) => dispatch({ "inference.completed": (events) => meterUsage(env, events) }),
  confirm: (env, messageId) => confirmPack(env, "metering", messageId),
});
