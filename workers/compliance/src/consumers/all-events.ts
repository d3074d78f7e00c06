import type { AnyEvent } from "@weir/events/catalogue";
import type { InboxContext } from "@weir/events/inbox";
import { objectInCell } from "@weir/http/jurisdiction";
import type { Env } from "../env.ts";
import { entriesOf } from "../leaves.ts";

/** Makes every event auditable: hands it to the log of its tenant, which makes one leaf of it however often it arrives. */
export async function auditEvents(env: Env, events: AnyEvent[], context: InboxContext): Promise<D1PreparedStatement[]> {
  for (const [tenant, own] of Map.groupBy(events, (event) => event.subject)) {
    await objectInCell(env.LOG, env, tenant).append(tenant, entriesOf(context.messageId, context.born, own));
  }
  return [];
}
