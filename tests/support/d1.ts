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
  const db: D1Database = await miniflare.getD1Database("DB");
  await applyMigrations(db);
  return db;
}

async function tableNames(db: D1Database): Promise<string[]> {
  const { results } = await db
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*' AND name != 'd1_migrations'",
    )
    .all<{ name: string }>();
  return results.map(({ name }) => name);
}

async function clear(db: D1Database): Promise<void> {
  // A statement for each of the many tables would take most of a test's time; few of them hold anything.
  const columns = (await tableNames(db)).map((name) => `EXISTS (SELECT 1 FROM "${name}") AS "${name}"`);
  const filled = await db.prepare(`SELECT ${columns.join(", ")}`).first<Record<string, number>>();
  const statements = Object.entries(filled ?? {}).flatMap(([name, some]) => (some ? [db.prepare(`DELETE FROM "${name}"`)] : []));
  if (statements.length > 0) await db.batch(statements);
}
