import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { importsOf } from "../../scripts/import-direction.ts";
import { ROOT } from "../../scripts/run.ts";
import { versionedFiles } from "../../scripts/source-files.ts";

const versions = z.record(z.string(), z.string()).default({});
const manifest = z.object({ dependencies: versions, devDependencies: versions });
const lockFile = z.object({ packages: z.record(z.string(), z.object({ version: z.string().optional(), dependencies: versions })) });

const root = manifest.parse(JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")));
const lock = lockFile.parse(JSON.parse(await readFile(join(ROOT, "package-lock.json"), "utf8")));
const pinned = { ...root.dependencies, ...root.devDependencies };

/** What Weir is built on. Each is a direct dependency of the root, so that one file says what the whole project runs on. */
const STACK = ["hono", "wrangler", "@cloudflare/workers-types", "drizzle-orm", "@cloudflare/ai", "zod", "vitest", "miniflare"];

const imported = await importedPackages();

describe.each(STACK)("%s", (name) => {
  test("is pinned to one version in the root package.json", () => {
    expect(pinned[name], `${name} is not in package.json`).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
  });

  test("is installed in that version", () => {
    expect(lock.packages[`node_modules/${name}`]?.version).toBe(pinned[name]);
  });

  test("is used", () => {
    expect([...imported], `no file of the project imports ${name}`).toContain(name);
  });
});

test("every dependency of the root is pinned exactly", () => {
  expect(Object.entries(pinned).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
});

test("miniflare is the version that wrangler carries", () => {
  expect(pinned["miniflare"]).toBe(lock.packages["node_modules/wrangler"]?.dependencies["miniflare"]);
});

test("there is one workerd: two would disagree on compatibility dates and on what they allow", () => {
  const copies = Object.entries(lock.packages).filter(([path]) => path.endsWith("node_modules/workerd"));
  expect(copies.map(([path]) => path)).toEqual(["node_modules/workerd"]);
});

/** Packages that the project's TypeScript imports, or names as global types in tsconfig.json. */
async function importedPackages(): Promise<Set<string>> {
  const names = new Set<string>();
  for (const path of await versionedFiles()) {
    if (!path.endsWith(".ts") || path.endsWith(".as.ts")) continue;
    for (const { specifier } of importsOf({ path, text: await readFile(join(ROOT, path), "utf8") })) names.add(packageOf(specifier));
  }
  const tsconfig = z.object({ compilerOptions: z.object({ types: z.array(z.string()) }) });
  for (const name of tsconfig.parse(JSON.parse(await readFile(join(ROOT, "tsconfig.json"), "utf8"))).compilerOptions.types) names.add(name);
  return names;
}

function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}
