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
      script: SCRIPT,
      compatibilityDate: "2026-11-01",
      d1Databases: { DB: "test" },
    }),
  );
  const db = new RemoteDatabase(async (call) => {
    const response = await miniflare.dispatchFetch("http://d1", { method: "POST", body: JSON.stringify(call, bytesToJson) });
    return response.text();
  });
  await applyMigrations(db);
  return { db, clear: () => clear(db), stop: () => miniflare.dispose() };
}

async function clear(db: D1Database): Promise<void> {
  const { results } = await db
    .prepare(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*' AND name != 'd1_migrations'",
    )
    .all<{ name: string }>();
  // A statement for each of the many tables would take most of a test's time; few of them hold anything.
  const columns = results.map(({ name }) => `EXISTS (SELECT 1 FROM "${name}") AS "${name}"`);
  const filled = await db.prepare(`SELECT ${columns.join(", ")}`).first<Record<string, number>>();
  const statements = Object.entries(filled ?? {}).flatMap(([name, some]) => (some ? [db.prepare(`DELETE FROM "${name}"`)] : []));
  if (statements.length > 0) await db.batch(statements);
}

// Miniflare's own proxy of the binding blocks Node for a round trip at every `prepare` and every `bind`, which made tests four
// times slower. Here a statement is put together in Node and crosses once, when it runs.

interface Call {
  method: "first" | "run" | "all" | "raw" | "batch" | "exec";
  statements: { sql: string; values: unknown[] }[];
  argument?: unknown;
}

type Send = (call: Call) => Promise<string>;

const SCRIPT = `
const fromJson = (_, value) => (value?.$bytes ? Uint8Array.from(value.$bytes).buffer : value);
export default {
  async fetch(request, { DB }) {
    const { method, statements, argument } = JSON.parse(await request.text(), fromJson);
    try {
      const prepared = statements.map(({ sql, values }) => (values.length > 0 ? DB.prepare(sql).bind(...values) : DB.prepare(sql)));
      if (method === "batch") return Response.json({ result: await DB.batch(prepared) });
      if (method === "exec") return Response.json({ result: await DB.exec(argument) });
      return Response.json({ result: await prepared[0][method](argument) });
    } catch (error) {
      return Response.json({ error: error.message });
    }
  },
};`;

function bytesToJson(_key: string, value: unknown): unknown {
  if (value instanceof ArrayBuffer) return { $bytes: [...new Uint8Array(value)] };
  return value instanceof Uint8Array ? { $bytes: [...value] } : value;
}

async function run<T>(send: Send, call: Call): Promise<T> {
  const answer: { result: T } | { error: string } = JSON.parse(await send(call));
  if ("error" in answer) throw new Error(answer.error);
  return answer.result;
}

class RemoteStatement implements D1PreparedStatement {
  readonly #send: Send;
  readonly sql: string;
  readonly values: unknown[];

  constructor(send: Send, sql: string, values: unknown[]) {
    this.#send = send;
    this.sql = sql;
    this.values = values;
  }

  bind(...values: unknown[]): D1PreparedStatement {
    // D1 refuses it too; JSON would turn it into null.
    if (values.includes(undefined)) throw new Error("D1_TYPE_ERROR: Type 'undefined' not supported for value 'undefined'");
    return new RemoteStatement(this.#send, this.sql, values);
  }

  first<T>(column?: string): Promise<T | null> {
    return this.#run("first", column);
  }

  run<T>(): Promise<D1Result<T>> {
    return this.#run("run");
  }

  all<T>(): Promise<D1Result<T>> {
    return this.#run("all");
  }

  raw<T = unknown[]>(options: { columnNames: true }): Promise<[string[], ...T[]]>;
  raw<T = unknown[]>(options?: { columnNames?: false }): Promise<T[]>;
  raw(options?: unknown): Promise<never> {
    return this.#run("raw", options);
  }

  #run<T>(method: Call["method"], argument?: unknown): Promise<T> {
    return run(this.#send, { method, statements: [{ sql: this.sql, values: this.values }], argument });
  }
}

class RemoteDatabase implements D1Database {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  prepare(sql: string): D1PreparedStatement {
    return new RemoteStatement(this.#send, sql, []);
  }

  batch<T>(prepared: D1PreparedStatement[]): Promise<D1Result<T>[]> {
    const statements = prepared.map((statement) => {
      if (!(statement instanceof RemoteStatement)) throw new TypeError("A statement of another database");
      return { sql: statement.sql, values: statement.values };
    });
    return run(this.#send, { method: "batch", statements });
  }

  exec(query: string): Promise<D1ExecResult> {
    return run(this.#send, { method: "exec", statements: [], argument: query });
  }

  withSession(): D1DatabaseSession {
    const session = { prepare: this.prepare.bind(this), batch: this.batch.bind(this), getBookmark: () => null };
    return session;
  }

  dump(): Promise<ArrayBuffer> {
    return Promise.reject(new Error("D1 has no dump any more"));
  }
}
