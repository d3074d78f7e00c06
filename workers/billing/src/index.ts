import { dispatch } from "@weir/events/inbox";
import { cellWorker } from "@weir/http/cell-worker";
import { composeApp } from "@weir/http/compose";
import { settleUsage } from "./consumers/usage-metered.ts";
import type { Env } from "./env.ts";
import { forgetOldAnswers } from "./idempotency.ts";
import { invoices } from "./routes/invoices.ts";
import { keys } from "./routes/keys.ts";
import { tenants } from "./routes/tenants.ts";

export { Wallet } from "./wallet.ts";

const app = composeApp<Env>([tenants, keys, invoices]);

export default cellWorker<Env>({
  worker: "billing",
  fetch: app.fetch,
  forget: forgetOldAnswers,
  handle: (env) => dispatch({ "usage.metered": (events, { now }) => settleUsage(env.DB, events, now) }),
});
