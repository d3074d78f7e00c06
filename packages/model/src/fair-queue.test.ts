import { expect, test } from "vitest";
import { FairQueue, LeaseLostError, type Lease, type QueueHost } from "./fair-queue.ts";

/** A clock under the test's control: sleepers wake when it passes their time, in the order of their times. */
class FakeClock {
  timeMs = 0;
  #sleepers: { at: number; wake: () => void }[] = [];

  host(signal?: AbortSignal): QueueHost {
    const sleep = (ms: number): Promise<void> => new Promise((wake) => this.#sleepers.push({ at: this.timeMs + ms, wake }));
    return { now: () => this.timeMs, sleep, ...(signal && { signal }) };
  }

  async advance(ms: number): Promise<void> {
    const until = this.timeMs + ms;
    for (;;) {
      for (let i = 0; i < 10; i++) await Promise.resolve();
      const next = this.#sleepers.toSorted((a, b) => a.at - b.at)[0];
      if (!next || next.at > until) break;
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
      this.timeMs = next.at;
      next.wake();
    }
    this.timeMs = until;
  }
}

async function lease(queue: FairQueue, key: string, host: QueueHost): Promise<Lease> {
  const acquired = await queue.acquire(key, host);
  if (!acquired.acquired) throw new Error(acquired.reason);
  return acquired.lease;
}

/** Queues one job that notes its name, holds the turn for 10 ms and gives it away. */
async function job(queue: FairQueue, clock: FakeClock, key: string, name: string, served: string[]): Promise<void> {
  const host = clock.host();
  const held = await lease(queue, key, host);
  try {
    served.push(name);
    await host.sleep(10);
  } finally {
    held.release();
  }
}

test("a free queue is entered without waiting", async () => {
  const clock = new FakeClock();
  const held = await lease(new FairQueue(), "a", clock.host());
  expect(clock.timeMs).toBe(0);
  held.release();
});

test("tenants take turns, and a tenant's own requests keep their order", async () => {
  const clock = new FakeClock();
  const queue = new FairQueue();
  const served: string[] = [];
  const jobs = ["a1", "a2", "a3", "a4", "b1", "c1", "b2"].map((name) => job(queue, clock, name.charAt(0), name, served));
  await clock.advance(1000);
  await Promise.all(jobs);
  expect(served).toEqual(["a1", "a2", "b1", "c1", "a3", "b2", "a4"]);
});

test("one tenant's flood delays another tenant by one turn", async () => {
  const clock = new FakeClock();
  const queue = new FairQueue();
  const served: string[] = [];
  const jobs = Array.from({ length: 30 }, (_, i) => job(queue, clock, "loud", `loud${i}`, served));
  await clock.advance(12);
  jobs.push(job(queue, clock, "quiet", "quiet", served));
  await clock.advance(1000);
  await Promise.all(jobs);
  expect(served.indexOf("quiet")).toBeLessThanOrEqual(4);
  expect(served).toHaveLength(31);
});

test("never more than one holds the turn", async () => {
  const clock = new FakeClock();
  const queue = new FairQueue();
  let holders = 0;
  let most = 0;
  const jobs = Array.from({ length: 20 }, async (_, i) => {
    const host = clock.host();
    const held = await lease(queue, `t${i % 3}`, host);
    most = Math.max(most, ++holders);
    await host.sleep(7);
    holders--;
    held.release();
  });
  await clock.advance(1000);
  await Promise.all(jobs);
  expect(most).toBe(1);
});

test("a full queue turns requests away at once", async () => {
  const clock = new FakeClock();
  const queue = new FairQueue({ maxWaiting: 2 });
  const held = await lease(queue, "a", clock.host());
  const waiting = [lease(queue, "b", clock.host()), lease(queue, "c", clock.host())];
  await clock.advance(20);
  expect(await queue.acquire("d", clock.host())).toEqual({ acquired: false, reason: "overloaded", waiting: 2 });
  held.release();
  await clock.advance(20);
  (await waiting[0])?.release();
  await clock.advance(20);
  (await waiting[1])?.release();
  expect(queue.waiting).toBe(0);
});

test("an aborted waiter leaves the queue and the others move up", async () => {
  const clock = new FakeClock();
  const queue = new FairQueue();
  const held = await lease(queue, "a", clock.host());
  const abort = new AbortController();
  const gone = lease(queue, "b", clock.host(abort.signal));
  const refused = gone.catch((error: unknown) => String(error));
  const next = lease(queue, "c", clock.host());
  await clock.advance(20);
  abort.abort(new Error("changed my mind"));
  await clock.advance(20);
  expect(await refused).toContain("changed my mind");
  expect(queue.waiting).toBe(1);
  held.release();
  await clock.advance(20);
  (await next).release();
});

test("a request that is already aborted never enters", async () => {
  const queue = new FairQueue();
  await expect(queue.acquire("a", new FakeClock().host(AbortSignal.abort(new Error("gone"))))).rejects.toThrow("gone");
  expect(queue.waiting).toBe(0);
});

test("a holder silent for five seconds loses the turn and learns so", async () => {
  const clock = new FakeClock();
  const queue = new FairQueue();
  const dead = await lease(queue, "a", clock.host());
  const next = lease(queue, "b", clock.host());
  await clock.advance(4990);
  expect(queue.waiting).toBe(1);
  await clock.advance(20);
  const alive = await next;
  expect(() => dead.refresh()).toThrow(LeaseLostError);
  dead.release();
  alive.refresh();
  alive.release();
});

test("a holder that refreshes keeps the turn as long as it needs", async () => {
  const clock = new FakeClock();
  const queue = new FairQueue();
  const held = await lease(queue, "a", clock.host());
  const next = lease(queue, "b", clock.host());
  for (let i = 0; i < 10; i++) {
    await clock.advance(2000);
    held.refresh();
  }
  expect(queue.waiting).toBe(1);
  held.release();
  await clock.advance(10);
  (await next).release();
});

test("a waiter whose request was cancelled does not block those behind it", async () => {
  const clock = new FakeClock();
  const queue = new FairQueue();
  const held = await lease(queue, "a", clock.host());
  // Its timer never fires: the request it belonged to is gone.
  void queue.acquire("b", { now: () => clock.timeMs, sleep: () => new Promise(() => {}) });
  const next = lease(queue, "c", clock.host());
  held.release();
  await clock.advance(990);
  expect(queue.waiting).toBe(2);
  await clock.advance(30);
  (await next).release();
});

test("waiters that a stalled isolate made look dead get their places back", async () => {
  const clock = new FakeClock();
  const queue = new FairQueue();
  const served: string[] = [];
  const jobs = ["a1", "a2", "a3"].map((name) => job(queue, clock, "a", name, served));
  await clock.advance(6);
  clock.timeMs += 3000;
  await clock.advance(200);
  await Promise.all(jobs);
  expect(served).toEqual(["a1", "a2", "a3"]);
});
