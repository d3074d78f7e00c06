import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { D1Database } from "@cloudflare/workers-types";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, type V4WorkerOptions } from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";
import { bundleWorker } from "./bundle.ts";

export const ROOT = resolve(import.meta.dirname, "../../..");
export const CELLS = ["eu", "us"] as const;
export type CellName = (typeof CELLS)[number];
export const CELL_WORKERS = ["inference", "metering", "billing", "privacy", "compliance"] as const;
export type CellWorker = (typeof CELL_WORKERS)[number];

export interface CellSecrets {
  /** 32 random bytes, base64: the root of every key that seals data at rest in this cell. */
  CELL_KEY: string;
  /** SHA-256 of the operator key, hex. */
  OPERATOR_KEY_HASH: string;
}

export interface StackOptions {
  secrets: Record<CellName, CellSecrets>;
  /** Folder that keeps D1, R2, Durable Objects; absent: state is thrown away at the end. */
  state?: string;
  /** Port of the gateway on 127.0.0.1; 0 picks a free one. */
  port?: number;
  /** Extra variables for the cells' workers, e.g. `EGRESS_ALLOW`. */
  vars?: Record<string, string>;
  onLog?: (line: string) => void;
  /** Workers that also get a socket of their own, past Miniflare's entry: see `directUrl`. For benchmarks. */
  directSockets?: readonly string[];
}

export interface Stack {
  url: string;
  fetch: Miniflare["dispatchFetch"];
  miniflare: Miniflare;
  database(cell: CellName): Promise<D1Database>;
  bindings<Env>(worker: CellWorker, cell: CellName): Promise<Env>;
  /** Where a worker named in `directSockets` listens. */
  directUrl(worker: string): Promise<string>;
  /** Runs the cron of every worker once: locally crons do not fire by themselves. */
  sweep(): Promise<void>;
  stop(): Promise<void>;
}

type CompiledScripts = Record<string, Awaited<ReturnType<typeof bundleWorker>>>;

/** Bundles the six workers; a test process does this once and boots many stacks from it. */
export async function compileStack(): Promise<CompiledScripts> {
  const names = ["gateway", ...CELL_WORKERS];
  const built = await Promise.all(names.map((name) => bundleWorker(join(ROOT, "workers", name, "src/index.ts"))));
  return Object.fromEntries(names.map((name, index) => [name, built[index] ?? []]));
}

/**
 * Boots the gateway and both cells in one workerd from the same wrangler files that are deployed.
 * One process on purpose: a D1 file must have one writer, a second one fails with SQLITE_BUSY.
 */
export async function bootStack(options: StackOptions, scripts?: CompiledScripts): Promise<Stack> {
  // Both would go out to the network: Cloudflare's placeholder for request.cf, and usage statistics.
  process.env["CLOUDFLARE_CF_FETCH_ENABLED"] = "false";
  process.env["WRANGLER_SEND_METRICS"] = "false";
  const compiled = scripts ?? (await compileStack());
  const workers: V4WorkerOptions[] = [
    { name: "weir-gateway", ...workerOptions(join(ROOT, "wrangler.toml"), "local", compiled["gateway"] ?? [], options.vars ?? {}) },
  ];
  for (const cell of CELLS) {
    for (const name of CELL_WORKERS) {
      const bindings = { ...options.secrets[cell], ...options.vars };
      const derived = workerOptions(join(ROOT, "workers", name, "wrangler.toml"), cell, compiled[name] ?? [], bindings);
      workers.push({ ...derived, name: `weir-${name}-${cell}` });
    }
  }
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: options.port ?? 0,
      // Of a request on this machine the network knows no country; without this, a placeholder in the USA is made up.
      cf: {},
      log: new Log(LogLevel.ERROR),
      logRequests: false,
      // Local traces cost about a third of the CPU of a request.
      unsafeObservability: false,
      handleStructuredLogs: (entry) => options.onLog?.(`${entry.level} ${entry.message}`),
      ...(options.state ? { resourcePersistencePath: options.state } : {}),
      workers: workers.map((worker) =>
        options.directSockets?.includes(worker.name ?? "") ? { ...worker, unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] } : worker,
      ),
    }),
  );
  const url = (await miniflare.ready).toString().replace(/\/$/, "");
  const stack: Stack = {
    url,
    miniflare,
    fetch: miniflare.dispatchFetch,
    // Miniflare types its bindings after an older copy of the same types.
    database: (cell) => miniflare.getD1Database("DB", `weir-billing-${cell}`),
    bindings: async <Env>(worker: CellWorker, cell: CellName) => miniflare.getBindings<Env>(`weir-${worker}-${cell}`),
    directUrl: async (worker) => (await miniflare.unsafeGetDirectURL(worker)).toString().replace(/\/$/, ""),
    sweep: async () => {
      for (const cell of CELLS) {
        for (const name of CELL_WORKERS) {
          const worker = await miniflare.getWorker(`weir-${name}-${cell}`);
          await worker.scheduled({ cron: "* * * * *" });
        }
      }
    },
    stop: () => miniflare.dispose(),
  };
  for (const cell of CELLS) {
    const db = await stack.database(cell);
    await applyMigrations(db);
    // The local queues are in memory and died with the last process: what they had been sent is sent again.
    await db.prepare("UPDATE outbox SET sent_at = NULL").run();
  }
  return stack;
}

function workerOptions(
  configPath: string,
  env: string,
  modules: CompiledScripts[string],
  bindings: Record<string, string>,
): V4WorkerOptions {
  const { workerOptions: derived } = unstable_getMiniflareWorkerOptions(configPath, env);
  return { ...derived, modules, modulesRoot: "/", bindings: Object.assign({}, derived.bindings, bindings) };
}

/** Applies what is missing, with wrangler's own book-keeping table, so that `wrangler d1 migrations` agrees on the state. */
export async function applyMigrations(db: D1Database): Promise<string[]> {
  await db
    .prepare(
      "CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)",
    )
    .run();
  const { results } = await db.prepare("SELECT name FROM d1_migrations").all<{ name: string }>();
  const done = new Set(results.map((row) => row.name));
  const applied: string[] = [];
  for (const name of (await readdir(join(ROOT, "migrations"))).filter((file) => file.endsWith(".sql")).sort()) {
    if (done.has(name)) continue;
    const sql = await readFile(join(ROOT, "migrations", name), "utf8");
    const statements = sql.split("--> statement-breakpoint").map((statement) => statement.trim());
    await db.batch([
      ...statements.filter((statement) => statement !== "").map((statement) => db.prepare(statement)),
      db.prepare("INSERT INTO d1_migrations (name) VALUES (?)").bind(name),
    ]);
    applied.push(name);
  }
  return applied;
}
