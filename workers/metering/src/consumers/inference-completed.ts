import type { WeirEvent } from "@weir/events/catalogue";
import { objectInCell } from "@weir/http/jurisdiction";
import type { Env } from "../env.ts";

/** Hands usage to the Meter of its tenant, which counts each event once however often it arrives. */
export async function meterUsage(env: Env, events: WeirEvent<"inference.completed">[]): Promise<D1PreparedStatement[]> {
  for (const [tenant, own] of Map.groupBy(events, (event) => event.subject)) {
    await objectInCell(env.METER, env, tenant).ingest(tenant, own);
  }
  return [];
}
