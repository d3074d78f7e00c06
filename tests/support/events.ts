import { newEvent, type WeirEvent } from "../../packages/events/src/catalogue.ts";
import type { Pack } from "../../packages/events/src/envelope.ts";

/** `credit.changed`: from billing, read by inference and compliance. */
export function aGrant({ id = "evt_1", tenant = "t_1", cents = 100, kind = "prepaid" } = {}): WeirEvent<"credit.changed"> {
  return newEvent("credit.changed", {
    id,
    tenant,
    now: 0,
    data: { transaction: `grant_${id}`, kind, amount: String(cents), currency: "USD" },
  });
}

export function aPack({ id = "billing:grant_1:0", born = "outbox", events = [aGrant()] }: Partial<Omit<Pack, "v">> = {}): Pack {
  return { v: 1, id, born, events };
}
