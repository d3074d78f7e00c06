import { readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { ROOT } from "../../scripts/run.ts";
import { isNode, nameOf, parse, type SyntaxNode, walk } from "../../scripts/source-files.ts";
import { CELL_WORKERS } from "../../scripts/wrangler-files.ts";

export interface EnvMember {
  name: string;
  optional: boolean;
}

/** Members of the interface `Env` of a worker's `env.ts`, with those of the interfaces it extends. */
export function envMembers(worker: string): Promise<EnvMember[]> {
  return membersOf(`workers/${worker}/src/env.ts`, "Env");
}

async function membersOf(path: string, name: string): Promise<EnvMember[]> {
  // A mapped type over the workers' names; it has no members to read.
  if (name === "InboxBindings") return CELL_WORKERS.map((worker) => ({ name: `INBOX_${worker.toUpperCase()}`, optional: false }));
  const program = parse({ path, text: await readFile(join(ROOT, path), "utf8") });
  let declaration: SyntaxNode | undefined;
  walk(program, (node) => {
    if (node.type === "TSInterfaceDeclaration" && nameOf(node["id"]) === name) declaration = node;
  });
  if (!declaration) throw new Error(`${path} declares no interface ${name}: write its bindings as an interface, one line each`);
  const body = isNode(declaration["body"]) ? nodes(declaration["body"]["body"]) : [];
  const own = body.map((member) => ({ name: nameOf(member["key"]) ?? "?", optional: member["optional"] === true }));
  const inherited: EnvMember[] = [];
  for (const parent of nodes(declaration["extends"])) {
    const parentName = nameOf(parent["expression"]) ?? "";
    inherited.push(...(await membersOf(importedFrom(program, path, parentName), parentName)));
  }
  return [...own, ...inherited];
}

/** The file a name is imported from; the file itself when it is declared there. */
function importedFrom(program: SyntaxNode, path: string, name: string): string {
  for (const node of nodes(program["body"])) {
    const specifier = node.type === "ImportDeclaration" ? nameOf(node["source"]) : undefined;
    if (specifier === undefined || !nodes(node["specifiers"]).some((imported) => nameOf(imported["local"]) === name)) continue;
    const workspace = /^@weir\/([^/]+)\/(.+)$/.exec(specifier);
    return workspace ? `packages/${workspace[1]}/src/${workspace[2]}.ts` : posix.join(posix.dirname(path), specifier);
  }
  return path;
}

function nodes(value: unknown): SyntaxNode[] {
  return Array.isArray(value) ? value.filter(isNode) : [];
}
