import { existsSync } from "node:fs";
import { glob, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { parseSync } from "oxc-parser";
import { run, ROOT } from "./run.ts";

export interface SourceFile {
  /** Path from the root of the repository, with `/`. */
  path: string;
  text: string;
}

/** A rule that is broken, ready to be printed as `path:line message`. */
export interface Finding {
  path: string;
  line: number;
  message: string;
}

/** A node of the syntax tree (ESTree with TypeScript), as far as the checks look at it. */
export interface SyntaxNode {
  type: string;
  start: number;
  [field: string]: unknown;
}

export function printFinding(finding: Finding): string {
  return `${finding.path}:${finding.line} ${finding.message}`;
}

/** The TypeScript files of all packages and workers, tests included. */
export async function workspaceSources(): Promise<SourceFile[]> {
  const paths: string[] = [];
  for await (const path of glob(["packages/*/src/**/*.ts", "workers/*/src/**/*.ts"], { cwd: ROOT })) paths.push(path.replaceAll("\\", "/"));
  return Promise.all(paths.sort().map(async (path) => ({ path, text: await readFile(join(ROOT, path), "utf8") })));
}

/** Every file that is in git or would be with the next `git add -A`. */
export async function versionedFiles(): Promise<string[]> {
  const listed = await run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
  if (listed.code === 0) return listed.stdout.split("\0").filter((path) => path !== "" && existsSync(join(ROOT, path)));
  // Unpacked from an archive, without git: all but what is generated.
  const skipped = /^(node_modules|\.weir|\.wrangler|dist|.*\/(node_modules|\.wrangler|dist))(\/|$)/;
  const paths: string[] = [];
  for await (const entry of glob("**/*", {
    cwd: ROOT,
    withFileTypes: true,
    exclude: (item) => skipped.test(relative(ROOT, join(item.parentPath, item.name))),
  })) {
    if (entry.isFile()) paths.push(relative(ROOT, join(entry.parentPath, entry.name)));
  }
  return paths;
}

export function parse(file: SourceFile): SyntaxNode {
  const { program, errors } = parseSync(file.path, file.text, { lang: file.path.endsWith(".tsx") ? "tsx" : "ts" });
  const tree: unknown = program;
  // A file that does not parse must not pass for one that breaks no rule.
  if (errors.length > 0 || !isNode(tree)) throw new Error(`${file.path} does not parse: ${errors[0]?.message ?? "no syntax tree"}`);
  return tree;
}

/** Calls `visit` for the node and everything below it; `parent` is undefined at the top. */
export function walk(node: SyntaxNode, visit: (node: SyntaxNode, parent: SyntaxNode | undefined, field: string) => void): void {
  descend(node, undefined, "", visit);
}

function descend(node: SyntaxNode, parent: SyntaxNode | undefined, field: string, visit: Parameters<typeof walk>[1]): void {
  visit(node, parent, field);
  for (const [name, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) descend(child, node, name, visit);
    }
  }
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string" && "start" in value;
}

/** The name of an identifier, the value of a string literal, or undefined. */
export function nameOf(value: unknown): string | undefined {
  if (!isNode(value)) return undefined;
  if (value.type === "Identifier" && typeof value["name"] === "string") return value["name"];
  if (value.type === "Literal" && typeof value["value"] === "string") return value["value"];
  return undefined;
}

export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}
