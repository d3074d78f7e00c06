import { join } from "node:path";
import { leafHash } from "@weir/domain/compliance/hash";
import { treeRoot } from "@weir/domain/compliance/merkle";
import { toHex } from "@weir/domain/encoding/hex";
import { jcsBytes } from "@weir/domain/encoding/jcs";
import { newEvent, type WeirEvent } from "@weir/events/catalogue";
import { inferenceCompleted } from "@weir/events/inference-completed";
import fc from "fast-check";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundleWorker } from "../../../packages/cli/src/bundle.ts";
import { applyMigrations } from "../../../packages/cli/src/stack.ts";

type Usage = WeirEvent<"inference.completed">;

let miniflare: Miniflare;
let url: URL;
let db: D1Database;
let tenants = 0;

beforeAll(async () => {
  miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      log: new Log(LogLevel.ERROR),
      unsafeObservability: false,
      modules: await bundleWorker(join(import.meta.dirname, "../../../tests/support/meter-worker.ts")),
      modulesRoot: "/",
      compatibilityDate: "2026-11-01",
      d1Databases: { DB: "test" },
      durableObjects: { METER: { className: "MeterUnderTest", useSQLite: true } },
      queueProducers: {
        INBOX_INFERENCE: "inference",
        INBOX_METERING: "metering",
        INBOX_BILLING: "billing",
        INBOX_PRIVACY: "privacy",
        INBOX_COMPLIANCE: "compliance",
      },
    }),
  );
  url = await miniflare.ready;
  db = await miniflare.getD1Database("DB");
  await applyMigrations(db);
});

afterAll(() => miniflare.dispose());

const aTenant = () => `t_eu_${++tenants}`;

/** One request's usage: 10 in and 5 out, in the first minute of November 2026. */
function aUsage(id: string, fields: Partial<Usage["data"]> = {}, time = "2026-11-01T00:00:10.000Z"): Usage {
  const usage = { input: 10, cached_input: 0, cache_write: 0, output: 5, reasoning: 0, audio: 0, image: 0 };
  return newEvent("inference.completed", {
    id,
    tenant: "t_eu_x",
    now: Date.parse(time),
    data: { ...inferenceCompleted.example, request: id, usage, ...fields },
  });
}

async function send<Result>(body: object): Promise<Result> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  if (!response.ok) throw new Error(await response.text());
  return JSON.parse(await response.text());
}

function meterOf(tenant: string) {
  return {
    ingest: (...events: Usage[]) => send({ tenant, do: "ingest", events: events.map((event) => ({ ...event, subject: tenant })) }),
    /** Ends a flush; so many answers of D1 are lost meanwhile. */
    flush: (lost = 0) => send({ tenant, do: "flush", lost }),
    find: (request: string) => send<{ event: string; flush: number | null } | null>({ tenant, do: "find", request }),
  };
}

async function sumsOf(tenant: string) {
  const sums = "COALESCE(SUM(requests), 0) AS requests, COALESCE(SUM(input), 0) AS input, COALESCE(SUM(output), 0) AS output";
  return db
    .prepare(`SELECT ${sums} FROM usage_rollup WHERE tenant = ?`)
    .bind(tenant)
    .first<{ requests: number; input: number; output: number }>();
}

async function told(tenant: string): Promise<WeirEvent<"usage.metered">[]> {
  const { results } = await db
    .prepare("SELECT body FROM outbox WHERE id LIKE ? ORDER BY created_at, id")
    .bind(`metering:${tenant}:%`)
    .all<{ body: string }>();
  return results.flatMap(({ body }) => JSON.parse(body).events);
}

async function flushesOf(tenant: string): Promise<number[]> {
  const { results } = await db
    .prepare("SELECT flush FROM meter_flush WHERE tenant = ? ORDER BY flush")
    .bind(tenant)
    .all<{ flush: number }>();
  return results.map(({ flush }) => flush);
}

describe("the Meter", () => {
  test("counts an event once that arrives three times: in one pack, in another, and after it was summed", async () => {
    const tenant = aTenant();
    const meter = meterOf(tenant);
    await meter.ingest(aUsage("req_1"), aUsage("req_1"), aUsage("req_2"));
    await meter.ingest(aUsage("req_1"));
    await meter.flush();
    await meter.ingest(aUsage("req_1"));
    await meter.flush();
    expect(await sumsOf(tenant)).toEqual({ requests: 2, input: 20, output: 10 });
    expect((await told(tenant)).map(({ data }) => data.requests)).toEqual([2]);
    expect(await flushesOf(tenant)).toEqual([1]);
  });

  test("adds nothing by a flush that is tried again because D1's answer was lost, and goes on with the next", async () => {
    const tenant = aTenant();
    const meter = meterOf(tenant);
    await meter.ingest(aUsage("req_1"));
    await meter.flush(1);
    await meter.ingest(aUsage("req_2"));
    await meter.flush();
    expect(await sumsOf(tenant)).toEqual({ requests: 1, input: 10, output: 5 });
    await meter.flush();
    expect(await sumsOf(tenant)).toEqual({ requests: 2, input: 20, output: 10 });
    expect(await flushesOf(tenant)).toEqual([1, 2]);
    expect((await told(tenant)).map(({ data }) => [data.flush, data.requests])).toEqual([
      [1, 1],
      [2, 1],
    ]);
  });

  test("tells billing of each price and month on its own, with the root over the events", async () => {
    const tenant = aTenant();
    const meter = meterOf(tenant);
    const events = [
      aUsage("req_1"),
      aUsage("req_2"),
      aUsage("req_3", { price_version: "price_eu_other" }),
      aUsage("req_4", {}, "2026-12-01T00:00:00.000Z"),
    ].map((event) => ({ ...event, subject: tenant }));
    await meter.ingest(...events);
    await meter.flush();
    const metered = await told(tenant);
    expect(metered.map(({ data }) => [data.month, data.price_version, data.requests])).toEqual(
      expect.arrayContaining([
        ["2026-11", inferenceCompleted.example.price_version, 2],
        ["2026-11", "price_eu_other", 1],
        ["2026-12", inferenceCompleted.example.price_version, 1],
      ]),
    );
    expect(metered).toHaveLength(3);
    const leaves = await Promise.all(events.slice(0, 2).map((event) => leafHash(jcsBytes(event))));
    expect(metered.find(({ data }) => data.requests === 2)?.data.root).toBe(toHex(await treeRoot(leaves)));
  });

  test("finds a request's event, and the flush that summed it once there is one", async () => {
    const tenant = aTenant();
    const meter = meterOf(tenant);
    await meter.ingest(aUsage("req_1"));
    expect(await meter.find("req_1")).toMatchObject({ flush: null });
    await meter.flush();
    const found = await meter.find("req_1");
    expect(found?.flush).toBe(1);
    expect(JSON.parse(found?.event ?? "")).toMatchObject({ id: "req_1", data: { usage: { input: 10, output: 5 } } });
    expect(await meter.find("req_2")).toBeNull();
  });

  test("keeps minutes, models and regions apart", async () => {
    const tenant = aTenant();
    const meter = meterOf(tenant);
    await meter.ingest(
      aUsage("req_1"),
      aUsage("req_2", { model: "other" }),
      aUsage("req_3", { region: "fr" }),
      aUsage("req_4", {}, "2026-11-01T00:01:00.000Z"),
    );
    await meter.flush();
    const { results } = await db.prepare("SELECT minute, model, region FROM usage_rollup WHERE tenant = ?").bind(tenant).all();
    expect(results).toHaveLength(4);
  });

  test("whatever is redelivered and whatever answers are lost: sums and what billing is told are those of the events, once each", async () => {
    const step = fc.oneof(
      { weight: 2, arbitrary: fc.array(fc.nat(30), { minLength: 1, maxLength: 10 }) },
      fc.nat(2).map((lost) => ({ lost })),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const tenant = aTenant();
        const meter = meterOf(tenant);
        const seen = new Set<number>();
        for (const next of steps) {
          if (Array.isArray(next)) {
            for (const id of next) seen.add(id);
            await meter.ingest(...next.map((id) => aUsage(`req_${id}`)));
          } else await meter.flush(next.lost);
        }
        await meter.flush();
        await meter.flush();
        expect(await sumsOf(tenant)).toEqual({ requests: seen.size, input: 10 * seen.size, output: 5 * seen.size });
        expect((await told(tenant)).reduce((sum, { data }) => sum + data.requests, 0)).toBe(seen.size);
      }),
      { numRuns: 30 },
    );
  }, 60_000);
});
