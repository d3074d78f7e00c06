import { posix } from "node:path";
import { type Finding, isNode, lineOf, nameOf, parse, type SourceFile, walk } from "./source-files.ts";

/**
 * Imports go one way: workers → http, events, db → domain. What a part may import besides itself; a part that is not
 * named here (cli) may import everything, and so may tests.
 */
const ALLOWED: Record<string, readonly string[]> = {
  "packages/domain": [],
  "packages/model": ["packages/domain"],
  "packages/events": ["packages/domain"],
  "packages/db": ["packages/domain"],
  "packages/http": ["packages/domain", "packages/events", "packages/db"],
  // Clients: they run at a user's side and know the rules, never the server's parts.
  "packages/sdk": ["packages/domain"],
  "packages/console": ["packages/domain", "packages/sdk"],
};
const WORKERS_MAY_IMPORT = ["packages/domain", "packages/model", "packages/events", "packages/db", "packages/http"];

/** What plain TypeScript has no use for: the platform, the machine, the web framework, the database. */
const FOREIGN_TO_DOMAIN = /^(cloudflare:|node:|@cloudflare\/|hono(\/|$)|@hono\/|drizzle-orm(\/|$)|miniflare$|wrangler$)/;

/** Every import, export and import type of the files that points the wrong way. */
export function wrongImports(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) => {
    if (isTest(file.path)) return [];
    const from = partOf(file.path);
    return importsOf(file).flatMap(({ specifier, line }) => {
      const message = objection(from, file.path, specifier);
      return message === undefined ? [] : [{ path: file.path, line, message }];
    });
  });
}

export interface Import {
  specifier: string;
  line: number;
}

/** All specifiers a file names: `import`, `export … from`, `import()`, and `import("…")` in a type. */
export function importsOf(file: SourceFile): Import[] {
  const found: Import[] = [];
  walk(parse(file), (node) => {
    const source = IMPORTING.has(node.type) ? node["source"] : undefined;
    const specifier = isNode(source) && source.type === "TSLiteralType" ? nameOf(source["literal"]) : nameOf(source);
    if (specifier !== undefined) found.push({ specifier, line: lineOf(file.text, node.start) });
  });
  return found;
}

const IMPORTING = new Set(["ImportDeclaration", "ExportNamedDeclaration", "ExportAllDeclaration", "ImportExpression", "TSImportType"]);

export function isTest(path: string): boolean {
  return path.startsWith("tests/") || path.endsWith(".test.ts");
}

function objection(from: string, path: string, specifier: string): string | undefined {
  if (from === "packages/domain" && FOREIGN_TO_DOMAIN.test(specifier))
    return `packages/domain is plain TypeScript and must not import ${specifier}`;
  const to = target(path, specifier);
  if (to === undefined || to === from) return undefined;
  if (from.startsWith("workers/") && to.startsWith("workers/"))
    return `workers never import each other, but this imports ${specifier}; meet through a queue or a service binding`;
  const allowed = from.startsWith("workers/") ? WORKERS_MAY_IMPORT : ALLOWED[from];
  if (allowed === undefined || allowed.includes(to)) return undefined;
  return `${from} must not import ${specifier}; it may import ${allowed.length > 0 ? allowed.join(", ") : "nothing of the workspace"}`;
}

/** The part of the workspace a specifier leads to, or undefined for a package from npm or a module of the platform. */
function target(path: string, specifier: string): string | undefined {
  if (specifier.startsWith(".")) return partOf(posix.join(posix.dirname(path), specifier));
  const name = /^@weir\/([^/]+)/.exec(specifier)?.[1];
  if (name === undefined) return undefined;
  return name.endsWith("-worker") ? `workers/${name.slice(0, -"-worker".length)}` : `packages/${name}`;
}

function partOf(path: string): string {
  return path.split("/").slice(0, 2).join("/");
}
