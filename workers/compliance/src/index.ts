import { cellWorker } from "@weir/http/cell-worker";
import { composeApp } from "@weir/http/compose";
import { confirmPack } from "@weir/http/gate-client";
import { auditEvents } from "./consumers/all-events.ts";
import type { Env } from "./env.ts";
import { auditLogs } from "./routes/audit-logs.ts";
import { deadLetters } from "./routes/dead-letters.ts";
import { proofs } from "./routes/proofs.ts";

export { Log } from "./log.ts";

const app = composeApp<Env>([auditLogs, proofs, deadLetters]);

export default cellWorker<Env>({
  worker: "compliance",
  fetch: app.fetch,
  handle: (env) => (events, context) => auditEvents(env, events, context),
  confirm: (env, messageId) => confirmPack(env, "compliance", messageId),
});
