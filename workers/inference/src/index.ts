import { cellWorker } from "@weir/http/cell-worker";
import { composeApp } from "@weir/http/compose";
import { applyToGates } from "./consumers/gate-changes.ts";
import type { Env } from "./env.ts";
import { v1 } from "./routes/chat-completions.ts";
import { holds } from "./routes/holds.ts";
import { models } from "./routes/models.ts";

export { Gate } from "./gate.ts";

const app = composeApp<Env>([models, holds], { openAi: v1 });

export default cellWorker<Env>({
  worker: "inference",
  fetch: app.fetch,
  handle: (env) => (events) => applyToGates(env, events),
});
