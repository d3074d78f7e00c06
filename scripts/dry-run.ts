import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { z } from "zod";
import { inParallel } from "./in-parallel.ts";
import { ROOT, run, said } from "./run.ts";
import { CELL_WORKERS, environmentOf, GATEWAY, readWranglerFile, type WranglerFile } from "./wrangler-files.ts";

const CACHE = join(ROOT, "node_modules/.cache/weir/dry-run");

interface Build {
  file: WranglerFile;
  env: string;
}

/**
 * Builds every worker for every environment as `wrangler deploy` would, without an account. Any warning counts as a
 * failure: wrangler only warns about a binding that an environment lacks, and the worker would run without its store.
 */
export async function dryRunAll(): Promise<{ problems: string[]; builds: number; fromCache: number }> {
  const files = await Promise.all(([GATEWAY, ...CELL_WORKERS] as const).map((worker) => readWranglerFile(worker)));
  const builds: Build[] = files.flatMap((file) => Object.keys(file.env).map((env) => ({ file, env })));
  let fromCache = 0;
  const results = await inParallel(2, builds, async (build) => {
    if (await isUnchanged(build)) {
      fromCache += 1;
      return [];
    }
    return dryRun(build);
  });
  return { problems: results.flat(), builds: builds.length, fromCache };
}

async function dryRun(build: Build): Promise<string[]> {
  const outdir = await mkdtemp(join(tmpdir(), "weir-dry-run-"));
  try {
    const result = await run(
      ["wrangler", "deploy", "--dry-run", "--config", build.file.path, "--env", build.env, "--outdir", outdir, "--metafile"],
      { env: { WRANGLER_SEND_METRICS: "false" } },
    );
    const problem = problemOf(result);
    if (problem === undefined) {
      await remember(build, await inputsOf(build, join(outdir, "bundle-meta.json")));
      return [];
    }
    return [`${build.file.path} --env ${build.env}: ${problem}`];
  } finally {
    await rm(outdir, { recursive: true, force: true });
  }
}

/** What is wrong with a dry run, or undefined: it failed, or it warned. */
export function problemOf(result: { code: number; stdout: string; stderr: string }): string | undefined {
  const text = said(result);
  if (result.code !== 0) return `exit code ${result.code}\n${text}`;
  return /\[WARNING\]|▲/.test(text) ? `warnings\n${text}` : undefined;
}

// A build that passed is remembered with the hash of all it was made from: the wrangler file, the lock file, the names
// and sizes of its assets, and each source that esbuild read. The next run repeats it only if one of them differs.

const remembered = z.object({ inputs: z.array(z.string()), hash: z.string() });
const metafile = z.object({ inputs: z.record(z.string(), z.unknown()) });

async function isUnchanged(build: Build): Promise<boolean> {
  try {
    const before = remembered.parse(JSON.parse(await readFile(cacheFile(build), "utf8")));
    return before.hash === (await hashOf(build, before.inputs));
  } catch {
    // Never built, or a source is gone.
    return false;
  }
}

async function remember(build: Build, inputs: string[]): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  await writeFile(cacheFile(build), JSON.stringify({ inputs, hash: await hashOf(build, inputs) }));
}

function cacheFile(build: Build): string {
  return join(CACHE, `${build.file.worker}.${build.env}.json`);
}

/** Sources of the bundle, from the root. Packages from npm are left out: the lock file stands for them. */
async function inputsOf(build: Build, path: string): Promise<string[]> {
  const folder = dirname(join(ROOT, build.file.path));
  const { inputs } = metafile.parse(JSON.parse(await readFile(path, "utf8")));
  const paths = Object.keys(inputs).map((input) => relative(ROOT, resolve(folder, input)));
  return paths.filter((input) => !input.includes("node_modules/") && !input.startsWith("..") && !input.includes(":")).sort();
}

async function hashOf(build: Build, inputs: string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const path of [build.file.path, "package-lock.json", ...inputs]) hash.update(path).update(await readFile(join(ROOT, path)));
  const assets = environmentOf(build.file, build.env).assets;
  if (assets) {
    const folder = resolve(dirname(join(ROOT, build.file.path)), assets.directory);
    for (const name of (await readdir(folder, { recursive: true })).sort())
      hash.update(`${name} ${(await stat(join(folder, name))).size}\n`);
  }
  return hash.digest("hex");
}
