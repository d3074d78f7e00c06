import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "smol-toml";
import { z } from "zod";
import { ROOT } from "./run.ts";

export const CELL_WORKERS = ["inference", "metering", "billing", "privacy", "compliance"] as const;
export type CellWorker = (typeof CELL_WORKERS)[number];
export const GATEWAY = "gateway";
export type WorkerName = CellWorker | typeof GATEWAY;

const service = z.object({ binding: z.string(), service: z.string(), entrypoint: z.string().optional() });
const durableObject = z.object({ name: z.string(), class_name: z.string(), script_name: z.string().optional() });
const consumer = z.object({ queue: z.string(), dead_letter_queue: z.string().optional(), max_retries: z.number().optional() });

/** What an environment may hold. A kind of binding that is not named here fails to parse: the rules of a cell must know it first. */
const environment = z.strictObject({
  name: z.string().optional(),
  routes: z.unknown().optional(),
  route: z.unknown().optional(),
  workers_dev: z.boolean().optional(),
  limits: z.unknown().optional(),
  placement: z.unknown().optional(),
  observability: z.unknown().optional(),
  triggers: z.object({ crons: z.array(z.string()) }).optional(),
  assets: z.object({ directory: z.string(), binding: z.string() }).loose().optional(),
  ai: z.object({ binding: z.string() }).optional(),
  version_metadata: z.object({ binding: z.string() }).optional(),
  vars: z.record(z.string(), z.unknown()).default({}),
  d1_databases: z
    .array(z.object({ binding: z.string(), database_name: z.string(), database_id: z.string().optional(), migrations_dir: z.string() }))
    .default([]),
  r2_buckets: z.array(z.object({ binding: z.string(), bucket_name: z.string(), jurisdiction: z.string().optional() })).default([]),
  durable_objects: z.object({ bindings: z.array(durableObject) }).default({ bindings: [] }),
  services: z.array(service).default([]),
  queues: z
    .object({
      producers: z.array(z.object({ binding: z.string(), queue: z.string() })).default([]),
      consumers: z.array(consumer).default([]),
    })
    .default({ producers: [], consumers: [] }),
});
export type WranglerEnv = z.infer<typeof environment>;

const wranglerFile = z
  .object({ name: z.string(), main: z.string(), compatibility_date: z.string(), env: z.record(z.string(), environment) })
  .loose();
export type WranglerFile = z.infer<typeof wranglerFile> & { worker: WorkerName; path: string; raw: Record<string, unknown> };

/** Path of a worker's wrangler file from the root. The gateway's is the root's own. */
export function wranglerPath(worker: WorkerName): string {
  return worker === GATEWAY ? "wrangler.toml" : `workers/${worker}/wrangler.toml`;
}

export async function readWranglerFile(worker: WorkerName): Promise<WranglerFile> {
  const path = wranglerPath(worker);
  const raw = parse(await readFile(join(ROOT, path), "utf8"));
  const checked = wranglerFile.safeParse(raw);
  if (!checked.success) throw new Error(`${path}: ${z.prettifyError(checked.error)}`);
  return { ...checked.data, worker, path, raw };
}

export function readCellFiles(): Promise<WranglerFile[]> {
  return Promise.all(CELL_WORKERS.map(readWranglerFile));
}

/** The name under which a worker is deployed: Cloudflare's rule is `<name>-<environment>`. */
export function deployedName(file: WranglerFile, env: string): string {
  return file.env[env]?.name ?? `${file.name}-${env}`;
}

export function environmentOf(file: WranglerFile, env: string): WranglerEnv {
  const found = file.env[env];
  if (!found) throw new Error(`${file.path} has no [env.${env}]`);
  return found;
}

/** Names of all bindings and variables that a worker sees in `env`. */
export function bindingNames(env: WranglerEnv): string[] {
  return [
    ...Object.keys(env.vars),
    ...env.d1_databases.map((database) => database.binding),
    ...env.r2_buckets.map((bucket) => bucket.binding),
    ...env.durable_objects.bindings.map((object) => object.name),
    ...env.services.map((target) => target.binding),
    ...env.queues.producers.map((producer) => producer.binding),
    ...[env.assets, env.ai, env.version_metadata].flatMap((single) => (single ? [single.binding] : [])),
  ].sort();
}
