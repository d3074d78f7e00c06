import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { applyMigrations } from "../../packages/cli/src/stack.ts";

export interface TestDatabase {
  db: D1Database;
  /** Empties every table, for the next test. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

/** Boots a real D1 with the migrations of the repository, for a test that runs in Node. Its state is thrown away. */
export async function bootD1(): Promise<TestDatabase> {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      log: new Log(LogLevel.ERROR),
      unsafeObservability: false,
      modules: true,
      script: "export default {};",
      compatibilityDate: "2026-11-01",
      d1Databases: { DB: "test" },
    }),
  );
  const db = await migratedDatabase(miniflare);
  return { db, clear: () => clear(db), stop: () => miniflare.dispose() };
}

/** The D1 binding `DB` of a running Miniflare, with the migrations applied. */
export async function migratedDatabase(miniflare: Miniflare): Promise<D1Database> {
  // Miniflare types its bindings after an older copy of the same types.
  const db = (await miniflare.getD1Database("DB")) as unknown as D1Database;
  await applyMigrations(db);
  return db;
}

async function clear(db: D1Database): Promise<void> {
  const { results } = await db
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*' AND name != 'd1_migrations'",
    )
    .all<{ name: string }>();
  await db.batch(results.map(({ name }) => db.prepare(`DELETE FROM "${name}"`)));
}
