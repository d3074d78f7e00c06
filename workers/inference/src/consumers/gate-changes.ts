import type { AnyEvent } from "@weir/events/catalogue";
import { objectInCell } from "@weir/http/jurisdiction";
import type { GateChange } from "@weir/http/gate-client";
import type { Env } from "../env.ts";

const CHANGES: Partial<Record<AnyEvent["type"], GateChange>> = {
  "key.created": "keys",
  "key.revoked": "keys",
  "credit.changed": "credit",
  "notice.published": "policy",
  "purpose.changed": "policy",
  "policy.changed": "policy",
  "residency.changed": "policy",
};

/**
 * The repair path: a change whose worker could not reach the Gate reaches it here. The Gate reads D1 anew, so a change told twice,
 * late, or out of order cannot bring back what was.
 */
export async function applyToGates(env: Env, events: AnyEvent[]): Promise<D1PreparedStatement[]> {
  const byTenant = new Map<string, GateChange[]>();
  for (const event of events) {
    const change = CHANGES[event.type] ?? consentChange(event);
    if (change !== undefined) byTenant.set(event.subject, [...(byTenant.get(event.subject) ?? []), change]);
  }
  for (const [tenant, changes] of byTenant) await objectInCell(env.GATE, env, tenant).apply(tenant, changes);
  return [];
}

function consentChange(event: AnyEvent): GateChange | undefined {
  switch (event.type) {
    case "consent.given":
    case "consent.renewed":
    case "consent.refused":
    case "consent.withdrawn":
      return { subject: event.data.subject };
    default:
      return undefined;
  }
}
