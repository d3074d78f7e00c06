import { dispatch } from "@weir/events/inbox";
import { cellWorker } from "@weir/http/cell-worker";
import { composeApp } from "@weir/http/compose";
import type { Env } from "./env.ts";
import { consents } from "./routes/consents.ts";
import { notices } from "./routes/notices.ts";
import { policies } from "./routes/policy.ts";
import { purposes } from "./routes/purposes.ts";
import { receiptKeys } from "./routes/receipt-keys.ts";
import { residency } from "./routes/residency.ts";
import { subjects } from "./routes/subjects.ts";

const app = composeApp<Env>([residency, purposes, policies, notices, consents, subjects, receiptKeys]);

export default cellWorker<Env>({
  worker: "privacy",
  fetch: app.fetch,
  handle: () => dispatch({}),
});
