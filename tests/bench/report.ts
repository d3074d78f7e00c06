import { readFile, writeFile } from "node:fs/promises";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../packages/cli/src/stack.ts";

const FILE = join(ROOT, "docs/benchmarks.md");

/** A row of cells for each line; the first are the headings. */
export function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  return [head, head.map(() => "---"), ...body].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Where, when, and with what: without it no figure means anything. Taken before the first slice. */
export async function conditions(command: string, packages: Record<string, string>): Promise<string> {
  const versions = await Promise.all(Object.entries(packages).map(async ([name, path]) => `${name} ${await versionOf(path)}`));
  return table([
    ["", ""],
    ["machine", `${cpus().length} shared cores, ${cpus()[0]?.model.trim() ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GiB`],
    ["foreign load at the start", `${loadavg()[0]?.toFixed(1)} (1 minute)`],
    ["date", `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`],
    ["command", `\`${command}\``],
    ["versions", [`Node ${process.versions.node}`, ...versions].join(", ")],
  ]);
}

async function versionOf(path: string): Promise<string> {
  const manifest: { version: string } = JSON.parse(await readFile(join(ROOT, "node_modules", path, "package.json"), "utf8"));
  return manifest.version;
}

/** Puts the figures of a suite between its two marks in docs/benchmarks.md; what is written around them stays. */
export async function writeSection(suite: string, text: string): Promise<void> {
  const [begin, end] = [`<!-- ${suite}: written by npm run bench -->`, `<!-- ${suite}: end -->`];
  const page = await readFile(FILE, "utf8");
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`docs/benchmarks.md has no place for ${suite}`);
  await writeFile(FILE, `${before}${begin}\n\n${text}\n\n${end}${after}`);
}
