import { describe, expect, test } from "vitest";
import { aGrant, aPack } from "../../../tests/support/events.ts";
import { fakeInboxes } from "../../../tests/support/queues.ts";
import { newEvent } from "./catalogue.ts";
import { deploymentChanged } from "./deployment-changed.ts";
import { packEvents, publish } from "./publish.ts";

const aDeployment = newEvent("deployment.changed", { id: "evt_deployment", tenant: "t_1", now: 0, data: deploymentChanged.example });

describe("publish", () => {
  test("sends to every subscriber the events that it reads, under the id of the pack", async () => {
    const { env, queue } = fakeInboxes();
    const pack = aPack({ events: [aGrant(), aDeployment] });
    await publish(env, [pack]);
    expect(queue.compliance.bodies).toEqual([pack]);
    expect(queue.inference.bodies).toEqual([{ ...pack, events: [aGrant()] }]);
    expect([...queue.metering.bodies, ...queue.billing.bodies, ...queue.privacy.bodies]).toEqual([]);
  });

  test.each(["refuses", "hangs"] as const)("a queue that %s is tried three times, then publish throws", async (behaviour) => {
    const { env, queue } = fakeInboxes();
    queue.inference.behaviour = behaviour;
    await expect(publish(env, [aPack()], { timeoutMs: 5 })).rejects.toThrow(
      "The inbox of inference refused message billing:grant_1:0 3 times",
    );
    expect(queue.inference.tries).toBe(3);
  });

  test("a queue that hangs does not keep the others from their messages", async () => {
    const { env, queue } = fakeInboxes();
    queue.inference.behaviour = "hangs";
    await expect(publish(env, [aPack()], { timeoutMs: 5 })).rejects.toThrow(AggregateError);
    expect(queue.compliance.bodies).toEqual([aPack()]);
  });

  test("an event outside the catalogue is refused, not dropped", async () => {
    const { env, queue } = fakeInboxes();
    const pack = aPack({ events: [aGrant(), { ...aGrant(), type: "credit.vanished" }] });
    await expect(publish(env, [pack])).rejects.toThrow("Event type credit.vanished is not in the catalogue");
    expect(queue.compliance.tries).toBe(0);
  });
});

describe("packEvents", () => {
  test("an event bigger than a message is refused by name", () => {
    const big = aGrant({ id: "evt_big", kind: "x".repeat(64_000) });
    expect(() => packEvents([aGrant(), big], "outbox", String)).toThrow(/^Event credit.changed evt_big has \d+ bytes/);
  });

  test("the biggest event that fits travels alone", () => {
    const overhead = JSON.stringify(aPack({ id: "0", events: [aGrant({ kind: "" })] })).length + 101;
    const big = (bytes: number) => aGrant({ kind: "x".repeat(64_000 - overhead + bytes) });
    expect(packEvents([aGrant(), big(0), aGrant()], "outbox", String).map((pack) => pack.events.length)).toEqual([1, 1, 1]);
    expect(() => packEvents([big(1)], "outbox", String)).toThrow("more than one message holds");
  });

  test("no events make no pack", () => {
    expect(packEvents([], "outbox", String)).toEqual([]);
  });
});
