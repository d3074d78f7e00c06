import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { stringify } from "smol-toml";
import { ROOT } from "./run.ts";
import { deployedName, environmentOf, type WranglerFile } from "./wrangler-files.ts";

export interface DeployStep {
  worker: WranglerFile["worker"];
  /** Service bindings that this step leaves out, because their target does not exist yet. */
  without: string[];
}

/**
 * The order in which the workers of a cell go up. Cloudflare refuses a binding whose target does not exist.
 *
 * The owner of a Durable Object comes before those who bind it by `script_name`. Service bindings may run in a circle:
 * inference calls billing's wallet, billing calls inference's gate. On the first deployment of a cell such a binding is
 * left out, and the worker goes up again, complete, at the end. Later deployments find all targets and go up once.
 */
export function deployOrder(files: readonly WranglerFile[], env: string, exists: (worker: string) => boolean): DeployStep[] {
  const order = ownersFirst(files, env);
  const up = new Set(order.map((file) => deployedName(file, env)).filter(exists));
  const steps: DeployStep[] = [];
  const again: DeployStep[] = [];
  for (const file of order) {
    const missing = environmentOf(file, env).services.filter(
      (target) => !up.has(target.service) && target.service !== deployedName(file, env),
    );
    steps.push({ worker: file.worker, without: missing.map((target) => target.binding) });
    if (missing.length > 0) again.push({ worker: file.worker, without: [] });
    up.add(deployedName(file, env));
  }
  return [...steps, ...again];
}

/** Sorts by `script_name`; those without a preference keep the order they were given in. */
function ownersFirst(files: readonly WranglerFile[], env: string): WranglerFile[] {
  const waiting = [...files];
  const sorted: WranglerFile[] = [];
  while (waiting.length > 0) {
    const ready = waiting.findIndex((file) =>
      ownersOf(file, env).every((owner) => !waiting.some((other) => other !== file && deployedName(other, env) === owner)),
    );
    if (ready === -1)
      throw new Error(
        `Durable Objects are bound in a circle among ${waiting.map((file) => file.worker).join(", ")}: none of them can be deployed first`,
      );
    sorted.push(...waiting.splice(ready, 1));
  }
  return sorted;
}

function ownersOf(file: WranglerFile, env: string): string[] {
  return environmentOf(file, env).durable_objects.bindings.flatMap((binding) => (binding.script_name ? [binding.script_name] : []));
}

/**
 * Writes a copy of a wrangler file that lacks some service bindings of one environment, and returns its path. Relative
 * paths become absolute, since the copy lies elsewhere.
 */
export async function writePartialConfig(file: WranglerFile, env: string, without: readonly string[]): Promise<string> {
  const folder = dirname(join(ROOT, file.path));
  const original = environmentOf(file, env);
  const rawEnvs = record(file.raw["env"]);
  const partial = {
    ...file.raw,
    main: resolve(folder, file.main),
    env: {
      [env]: {
        ...record(rawEnvs[env]),
        services: original.services.filter((target) => !without.includes(target.binding)),
        d1_databases: original.d1_databases.map((database) => ({ ...database, migrations_dir: resolve(folder, database.migrations_dir) })),
        ...(original.assets ? { assets: { ...original.assets, directory: resolve(folder, original.assets.directory) } } : {}),
      },
    },
  };
  const path = join(ROOT, "node_modules/.cache/weir", `${file.worker}.first.toml`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, stringify(partial));
  return path;
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
