/** Prefix of the log lines that say which rows D1 wrote. */
export const ROWS_WRITTEN = "d1 rows written";

/** What was written for one statement: `meta.rows_written`, where each index that a row is in counts as one more. */
export interface RowsWritten {
  table: string;
  rows: number;
}

/** The same bindings, with a database that logs what it writes. */
export function counted<Env extends { DB: D1Database }>(env: Env): Env {
  return { ...env, DB: countedDatabase(env.DB) };
}

/** The same handlers over counted bindings. */
export function countedHandlers<Env extends { DB: D1Database }>(
  worker: Required<Pick<ExportedHandler<Env>, "fetch" | "queue" | "scheduled">>,
): ExportedHandler<Env> {
  return {
    fetch: (request, env, ctx) => worker.fetch(request, counted(env), ctx),
    queue: (batch, env, ctx) => worker.queue(batch, counted(env), ctx),
    scheduled: (controller, env, ctx) => worker.scheduled(controller, counted(env), ctx),
  };
}

function countedDatabase(db: D1Database): D1Database {
  return {
    ...countedCalls(db),
    withSession: (bookmark) => {
      const session = db.withSession(bookmark);
      return { ...countedCalls(session), getBookmark: () => session.getBookmark() };
    },
    exec: (sql) => db.exec(sql),
    dump: () => Promise.reject(new Error("D1 has no dump any more")),
  };
}

function countedCalls(db: Pick<D1Database, "prepare" | "batch">): Pick<D1Database, "prepare" | "batch"> {
  return {
    prepare: (sql) => new CountedStatement(sql, db.prepare(sql)),
    async batch<Row>(statements: D1PreparedStatement[]): Promise<D1Result<Row>[]> {
      const own = statements.filter((statement) => statement instanceof CountedStatement);
      const results = await db.batch<Row>(own.map((statement) => statement.real));
      return results.map((result, index) => note(own[index]?.sql ?? "", result));
    },
  };
}

class CountedStatement implements D1PreparedStatement {
  readonly sql: string;
  readonly real: D1PreparedStatement;

  constructor(sql: string, real: D1PreparedStatement) {
    this.sql = sql;
    this.real = real;
  }

  bind(...values: unknown[]): D1PreparedStatement {
    return new CountedStatement(this.sql, this.real.bind(...values));
  }

  async run<Row>(): Promise<D1Result<Row>> {
    return note(this.sql, await this.real.run<Row>());
  }

  async all<Row>(): Promise<D1Result<Row>> {
    return note(this.sql, await this.real.all<Row>());
  }

  /** As D1's own: the first row, or one column of it. */
  async first<Value>(column?: string): Promise<Value | null> {
    const { results } = await this.all<Record<string, Value> & Value>();
    const row = results[0];
    if (row === undefined) return null;
    return column === undefined ? row : (row[column] ?? null);
  }

  raw<T = unknown[]>(options: { columnNames: true }): Promise<[string[], ...T[]]>;
  raw<T = unknown[]>(options?: { columnNames?: false }): Promise<T[]>;
  raw(): Promise<never> {
    // It has no meta.
    return Promise.reject(new Error("Rows that are written by `raw` cannot be counted"));
  }
}

function note<Row>(sql: string, result: D1Result<Row>): D1Result<Row> {
  const rows = result.meta.rows_written;
  const table = /^\s*(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM)\s+"?(\w+)/i.exec(sql)?.[1] ?? "other";
  if (rows > 0) console.log(`${ROWS_WRITTEN} ${JSON.stringify({ table, rows } satisfies RowsWritten)}`);
  return result;
}
