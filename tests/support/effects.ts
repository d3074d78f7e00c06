import type { AnyEvent } from "../../packages/events/src/catalogue.ts";

/** A table without a key, so that an effect that happens twice is seen twice. */
export async function createEffects(db: D1Database): Promise<void> {
  await db.batch([
    db.prepare("CREATE TABLE effect (worker TEXT NOT NULL, event TEXT NOT NULL)"),
    db.prepare("CREATE TABLE balance (tenant TEXT PRIMARY KEY, cents INTEGER NOT NULL)"),
  ]);
}

/** The effect of events on a worker: a line for each, and the sum of what was granted. */
export function effectStatements(db: D1Database, worker: string, events: readonly AnyEvent[]): D1PreparedStatement[] {
  const json = JSON.stringify(events);
  return [
    db.prepare("INSERT INTO effect (worker, event) SELECT ?, value ->> 'id' FROM json_each(?)").bind(worker, json),
    db
      .prepare(
        `INSERT INTO balance (tenant, cents) SELECT value ->> 'subject', CAST(value ->> '$.data.amount' AS INTEGER) FROM json_each(?) WHERE true
         ON CONFLICT (tenant) DO UPDATE SET cents = cents + excluded.cents`,
      )
      .bind(json),
  ];
}

/** Ids of the events that took effect on a worker, sorted; one that took effect twice is there twice. */
export async function effectsOn(db: D1Database, worker: string): Promise<string[]> {
  const { results } = await db.prepare("SELECT event FROM effect WHERE worker = ? ORDER BY event").bind(worker).all<{ event: string }>();
  return results.map((row) => row.event);
}

/** Number of rows of a table. */
export async function countRows(db: D1Database, table: string): Promise<number> {
  return (await db.prepare(`SELECT count(*) AS rows FROM ${table}`).first<number>("rows")) ?? 0;
}
