import { DurableObject } from "cloudflare:workers";
import { leafHash } from "@weir/domain/compliance/hash";
import { treeRoot } from "@weir/domain/compliance/merkle";
import { toHex } from "@weir/domain/encoding/hex";
import { jcsBytes } from "@weir/domain/encoding/jcs";
import { noQuantities, mergeQuantities, rollUp, type MeteredEvent, type Rollup, type RollupQuantities } from "@weir/domain/metering/rollup";
import { newEvent, type AnyEvent, type WeirEvent } from "@weir/events/catalogue";
import { outboxStatements, sendOutbox } from "@weir/events/outbox";
import { causeOf, log } from "@weir/http/log";
import type { Env } from "./env.ts";

/** What `source` says on every usage event, whose ids are those of the requests. */
const USAGE_SOURCE = "weir/inference";
/** How long usage waits for the balance to show it. While it keeps coming, flushes keep a distance: each writes some thirty rows to D1. */
const FLUSH_DELAY_MS = 2_000;
const FLUSH_DISTANCE_MS = 4_000;
const RETRY_DELAY_MS = 2_000;
/** Far below the 30 seconds that one D1 batch has. */
const MAX_EVENTS_PER_FLUSH = 20_000;
const ROLLUPS_PER_STATEMENT = 2_000;

/**
 * One object per tenant that counts each usage event once. Storing an event and knowing that it was seen are one insert; sums go to D1
 * in numbered flushes, each of a fixed set of events, whose number is committed with them: a flush told twice adds nothing.
 */
export class Meter extends DurableObject<Env> {
  readonly #sql: SqlStorage;
  #lastFlush = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#sql.exec(
      `CREATE TABLE IF NOT EXISTS raw_event (source TEXT NOT NULL, id TEXT NOT NULL, time INTEGER NOT NULL, body TEXT NOT NULL, flush INTEGER,
         PRIMARY KEY (source, id)) WITHOUT ROWID`,
    );
    this.#sql.exec("CREATE INDEX IF NOT EXISTS raw_event_flush ON raw_event (flush)");
    // begun: the number of the flush that events were last put into; done: the last one that D1 has.
    this.#sql.exec(
      "CREATE TABLE IF NOT EXISTS meter (tenant TEXT PRIMARY KEY, begun INTEGER NOT NULL, done INTEGER NOT NULL) WITHOUT ROWID",
    );
  }

  /** Stores what is new. When this returns, the events are on disk and their redelivery does nothing. */
  async ingest(tenant: string, events: WeirEvent<"inference.completed">[]): Promise<void> {
    const rows = events.map((event) => ({ source: event.source, id: event.id, time: Date.parse(event.time), body: JSON.stringify(event) }));
    this.#sql.exec("INSERT INTO meter (tenant, begun, done) VALUES (?, 0, 0) ON CONFLICT DO NOTHING", tenant);
    this.#sql.exec(
      `INSERT INTO raw_event (source, id, time, body)
       SELECT value ->> 'source', value ->> 'id', value ->> 'time', value ->> 'body' FROM json_each(?) WHERE true ON CONFLICT DO NOTHING`,
      JSON.stringify(rows),
    );
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(this.#nextFlush());
  }

  /** The usage event of one request, and the flush that summed it. */
  async find(request: string): Promise<{ event: string; flush: number | null } | undefined> {
    const row = this.#sql
      .exec<{ body: string; flush: number | null }>("SELECT body, flush FROM raw_event WHERE source = ? AND id = ?", USAGE_SOURCE, request)
      .toArray()[0];
    return row && { event: row.body, flush: row.flush };
  }

  override async alarm(): Promise<void> {
    const meter = this.#sql.exec<{ tenant: string; begun: number; done: number }>("SELECT tenant, begun, done FROM meter").toArray()[0];
    if (!meter) return;
    try {
      // A flush that was begun is finished first: its events are fixed, so it is the same flush however often it is tried.
      const number = meter.begun > meter.done ? meter.begun : this.#begin(meter.begun + 1);
      if (number !== undefined) {
        await this.#commit(meter.tenant, number);
        this.#sql.exec("UPDATE meter SET done = ?", number);
        this.#lastFlush = Date.now();
      }
    } catch (error) {
      log({ level: "warn", what: "a flush of a Meter failed and will be tried again", cause: causeOf(error) });
      await this.ctx.storage.setAlarm(Date.now() + RETRY_DELAY_MS);
      return;
    }
    const waiting = this.#countWaiting();
    if (waiting > 0) await this.ctx.storage.setAlarm(waiting < MAX_EVENTS_PER_FLUSH ? this.#nextFlush() : Date.now());
  }

  #nextFlush(): number {
    return Math.max(Date.now() + FLUSH_DELAY_MS, this.#lastFlush + FLUSH_DISTANCE_MS);
  }

  #begin(number: number): number | undefined {
    return this.ctx.storage.transactionSync(() => {
      const waiting = this.#sql
        .exec<{ source: string; id: string }>("SELECT source, id FROM raw_event WHERE flush IS NULL LIMIT ?", MAX_EVENTS_PER_FLUSH)
        .toArray();
      if (waiting.length === 0) return undefined;
      this.#sql.exec(
        "UPDATE raw_event SET flush = ? WHERE (source, id) IN (SELECT value ->> 'source', value ->> 'id' FROM json_each(?))",
        number,
        JSON.stringify(waiting),
      );
      this.#sql.exec("UPDATE meter SET begun = ?", number);
      return number;
    });
  }

  /** Events that are in no flush yet, counted up to a full one. */
  #countWaiting(): number {
    return this.#sql
      .exec<{ waiting: number }>(
        "SELECT COUNT(*) AS waiting FROM (SELECT 1 FROM raw_event WHERE flush IS NULL LIMIT ?)",
        MAX_EVENTS_PER_FLUSH,
      )
      .one().waiting;
  }

  async #commit(tenant: string, number: number): Promise<void> {
    const raw = this.#sql
      .exec<{ id: string; body: string }>("SELECT id, body FROM raw_event WHERE flush = ? ORDER BY time, id", number)
      .toArray();
    const events = raw.map((row): WeirEvent<"inference.completed"> => JSON.parse(row.body));
    const now = Date.now();
    const metered = await usageEvents(tenant, number, events, now);
    const cause = `${tenant}:flush-${number}`;
    const db = this.env.DB;
    try {
      await db.batch([
        db.prepare("INSERT INTO meter_flush (tenant, flush, flushed_at) VALUES (?, ?, ?)").bind(tenant, number, now),
        ...rollupStatements(db, [...rollUp(events.map(meteredEvent)).values()]),
        ...outboxStatements(db, "metering", cause, metered, now),
      ]);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.includes("UNIQUE constraint failed: meter_flush.")) throw error;
    }
    await sendOutbox(this.env, "metering", cause, now);
  }
}

// Longer than any Meter could go on trying a flush: one that D1 has forgotten would be added again.
const FLUSH_KEPT_MS = 40 * 24 * 3_600_000;

export function forgetOldFlushes(db: D1Database, now: number): Promise<unknown> {
  return db
    .prepare("DELETE FROM meter_flush WHERE flushed_at < ?")
    .bind(now - FLUSH_KEPT_MS)
    .run();
}

/** What billing charges: the sums of a flush at each price and month, under the root of the events that were summed. */
async function usageEvents(tenant: string, flush: number, events: WeirEvent<"inference.completed">[], now: number): Promise<AnyEvent[]> {
  const groups = Map.groupBy(events, (event) => `${event.data.price_version} ${event.time.slice(0, 7)}`);
  return Promise.all(
    [...groups.values()].map(async (group) => {
      const { requests, ...usage } = group.map((event) => meteredEvent(event).quantities).reduce(mergeQuantities, noQuantities);
      const { price_version } = group[0]?.data ?? { price_version: "" };
      const month = group[0]?.time.slice(0, 7) ?? "";
      const data = { flush, price_version, month, requests, usage, root: await rootOf(group) };
      return newEvent("usage.metered", { id: `${tenant}:${flush}:${month}:${price_version}`, tenant, now, data });
    }),
  );
}

/** RFC 6962 root over the events as canonical JSON, in order of time and id. */
async function rootOf(events: WeirEvent[]): Promise<string> {
  return toHex(await treeRoot(await Promise.all(events.map((event) => leafHash(jcsBytes(event))))));
}

function meteredEvent(event: WeirEvent<"inference.completed">): MeteredEvent {
  const { model, deployment, region, purpose, price_version, usage } = event.data;
  const quantities: RollupQuantities = { requests: 1, ...usage };
  return {
    source: event.source,
    id: event.id,
    timeMs: Date.parse(event.time),
    tenant: event.subject,
    model,
    deployment,
    region,
    purpose,
    price: price_version,
    quantities,
  };
}

/** A row is some 320 bytes of JSON, and D1 takes 2 MB in one parameter: a backlog of many minutes and prices is several statements. */
function rollupStatements(db: D1Database, rollups: Rollup[]): D1PreparedStatement[] {
  const statements: D1PreparedStatement[] = [];
  for (let start = 0; start < rollups.length; start += ROLLUPS_PER_STATEMENT) {
    statements.push(rollupStatement(db, rollups.slice(start, start + ROLLUPS_PER_STATEMENT)));
  }
  return statements;
}

function rollupStatement(db: D1Database, rollups: Rollup[]): D1PreparedStatement {
  const rows = rollups.map(({ quantities, minuteMs, ...dimensions }) => ({ ...dimensions, minute: minuteMs, ...quantities }));
  return db
    .prepare(
      `INSERT INTO usage_rollup (tenant, minute, model, deployment, region, purpose, price_version,
         requests, input, cached_input, cache_write, output, reasoning, audio, image)
       SELECT value ->> 'tenant', value ->> 'minute', value ->> 'model', value ->> 'deployment', value ->> 'region', value ->> 'purpose', value ->> 'price',
         value ->> 'requests', value ->> 'input', value ->> 'cached_input', value ->> 'cache_write', value ->> 'output', value ->> 'reasoning',
         value ->> 'audio', value ->> 'image' FROM json_each(?) WHERE true
       ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, input = input + excluded.input,
         cached_input = cached_input + excluded.cached_input, cache_write = cache_write + excluded.cache_write, output = output + excluded.output,
         reasoning = reasoning + excluded.reasoning, audio = audio + excluded.audio, image = image + excluded.image`,
    )
    .bind(JSON.stringify(rows));
}
