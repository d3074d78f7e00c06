import { emptyRoot } from "@weir/domain/compliance/hash";

export interface TreeHead {
  size: number;
  root: Uint8Array;
  /** The signed checkpoint; null while the log is empty. */
  note: string | null;
}

/** One file of the log, as it will stand in R2: `/tile/0/000.p/3` and its bytes. */
export interface LogFile {
  path: string;
  bytes: Uint8Array;
}

/**
 * The log's head, what R2 is known to hold, and between the two the staged files that R2 still lacks. This row, not R2, decides what
 * the log is: there is one, and it only moves from the head it was read at to the next.
 */
export class TreeState {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(
      `CREATE TABLE IF NOT EXISTS tree (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT,
         published TEXT, staged INTEGER NOT NULL)`,
    );
    sql.exec("CREATE TABLE IF NOT EXISTS staging (path TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID");
    sql.exec("INSERT INTO tree (one, size, root, staged) VALUES (1, 0, ?, 0) ON CONFLICT DO NOTHING", emptyRoot());
  }

  /** The head that is committed; `published` is the checkpoint that R2 had before, and the same one once all is written. */
  read(): TreeHead & { published: string | null } {
    const row = this.#sql
      .exec<{ size: number; root: ArrayBuffer; note: string | null; published: string | null }>(
        "SELECT size, root, note, published FROM tree",
      )
      .one();
    return { ...row, root: new Uint8Array(row.root) };
  }

  stage(files: readonly LogFile[]): void {
    for (const { path, bytes } of files) this.#sql.exec("INSERT INTO staging (path, bytes) VALUES (?, ?)", path, bytes);
    this.#sql.exec("UPDATE tree SET staged = ?", files.length);
  }

  /** Moves the head if it still is where the round began and nothing else waits to be published; false otherwise. */
  swap(from: TreeHead, to: TreeHead): boolean {
    const { rowsWritten } = this.#sql.exec(
      "UPDATE tree SET size = ?, root = ?, note = ? WHERE size = ? AND root = ? AND note IS ? AND published IS note",
      to.size,
      to.root,
      to.note,
      from.size,
      from.root,
      from.note,
    );
    return rowsWritten > 0;
  }

  /** What was staged, whole; undefined when some of it is gone. */
  staged(): LogFile[] | undefined {
    const files = this.#sql
      .exec<{ path: string; bytes: ArrayBuffer }>("SELECT path, bytes FROM staging ORDER BY path")
      .toArray()
      .map(({ path, bytes }) => ({ path, bytes: new Uint8Array(bytes) }));
    const { staged } = this.#sql.exec<{ staged: number }>("SELECT staged FROM tree").one();
    return files.length === staged ? files : undefined;
  }

  /** R2 holds the head and everything below it. */
  clear(): void {
    this.#sql.exec("DELETE FROM staging");
    this.#sql.exec("UPDATE tree SET staged = 0, published = note");
  }
}
