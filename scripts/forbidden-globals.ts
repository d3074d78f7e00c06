import { isTest } from "./import-direction.ts";
import { type Finding, isNode, lineOf, nameOf, parse, type SourceFile, type SyntaxNode, walk } from "./source-files.ts";

/** The one module that may reach the network; everything else calls its `egress()`. */
export const EGRESS_MODULE = "packages/http/src/egress.ts";

/** These run at a user's side, in a terminal or a browser; their requests to Weir are not a cell's outbound traffic. */
const CLIENTS = ["packages/cli/", "packages/sdk/", "packages/console/"];

const GLOBAL_OBJECTS = new Set(["globalThis", "self", "window"]);

/**
 * The global `fetch` outside the egress module. `env.BILLING.fetch()` and `stub.fetch()` are calls inside the cell and
 * stay allowed; so is a `fetch` that the file declares itself, as a parameter for example.
 */
export function bareFetches(files: readonly SourceFile[]): Finding[] {
  const guarded = files.filter(
    (file) => file.path !== EGRESS_MODULE && !isTest(file.path) && !CLIENTS.some((client) => file.path.startsWith(client)),
  );
  return guarded.flatMap((file) =>
    globalsUsed(file)
      .filter((use) => use.name === "fetch")
      .map((use) => ({
        path: file.path,
        line: use.line,
        message: `bare fetch: what leaves a cell goes through egress() of ${EGRESS_MODULE}`,
      })),
  );
}

const IMPURE = new Set([
  "fetch",
  "performance",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "scheduler",
  "caches",
  "navigator",
  "process",
  "console",
  "WebSocket",
]);
const IMPURE_MEMBERS = new Set(["Date.now", "Math.random", "Temporal.Now"]);
const PLATFORM_TYPES =
  /^(D1\w+|R2\w+|KVNamespace\w*|DurableObject\w*|Queue|QueuingEvent|MessageBatch|Message|Fetcher|Service|ExecutionContext|ExportedHandler|ScheduledController|Ai|AiModels|Vectorize\w*|AnalyticsEngine\w*)$/;

/** I/O, clocks, chance and types of the platform in packages/domain: its functions get data and `now`, and answer. */
export function impurities(files: readonly SourceFile[]): Finding[] {
  const rules = files.filter((file) => file.path.startsWith("packages/domain/") && !isTest(file.path));
  return rules.flatMap((file) =>
    globalsUsed(file)
      .filter((use) =>
        use.isType ? PLATFORM_TYPES.test(use.name) : IMPURE.has(use.name) || IMPURE_MEMBERS.has(use.name) || use.name === "new Date()",
      )
      .map((use) => ({ path: file.path, line: use.line, message: `${use.name} in packages/domain: pass it in (data, \`now\`) instead` })),
  );
}

interface GlobalUse {
  /** `fetch`, `Date.now`, or `new Date()` for a Date without arguments. */
  name: string;
  isType: boolean;
  line: number;
}

/** Names that a file uses and does not declare. Scopes are not told apart: a name declared anywhere counts as declared. */
function globalsUsed(file: SourceFile): GlobalUse[] {
  const program = parse(file);
  const declared = declaredNames(program);
  const uses: GlobalUse[] = [];
  walk(program, (node, parent, field) => {
    const use = useOf(node, parent, field);
    if (use !== undefined && !declared.has(use.root))
      uses.push({ name: use.name, isType: use.isType ?? false, line: lineOf(file.text, node.start) });
  });
  return uses;
}

/** `root` is the name that would have to be declared for this not to be a global. */
function useOf(
  node: SyntaxNode,
  parent: SyntaxNode | undefined,
  field: string,
): { name: string; root: string; isType?: boolean } | undefined {
  if (node.type === "TSTypeReference") {
    const name = nameOf(node["typeName"]);
    return name === undefined ? undefined : { name, root: name, isType: true };
  }
  if ((node.type === "NewExpression" || node.type === "CallExpression") && nameOf(node["callee"]) === "Date") {
    const takesArguments = Array.isArray(node["arguments"]) && node["arguments"].length > 0;
    return takesArguments && node.type === "NewExpression" ? undefined : { name: "new Date()", root: "Date" };
  }
  if (node.type === "MemberExpression") {
    const object = nameOf(node["object"]);
    const property = nameOf(node["property"]);
    if (object === undefined || property === undefined || !isNode(node["object"]) || node["object"].type !== "Identifier") return undefined;
    return GLOBAL_OBJECTS.has(object) ? { name: property, root: object } : { name: `${object}.${property}`, root: object };
  }
  if (node.type !== "Identifier" || !isReference(parent, field)) return undefined;
  const name = nameOf(node);
  return name === undefined ? undefined : { name, root: name };
}

/** Whether an identifier stands for a value here, rather than naming a property, a key or a declaration. */
function isReference(parent: SyntaxNode | undefined, field: string): boolean {
  if (parent === undefined) return true;
  if (parent.type === "MemberExpression") return field === "object" || parent["computed"] === true;
  // In `{ fetch }` key and value are the same place in the text: the value is the reference.
  if (field === "key" || field === "label") return parent["computed"] === true;
  if (field === "params" || field === "id" || parent.type.startsWith("Import") || parent.type === "ExportSpecifier") return false;
  return (
    !parent.type.startsWith("TS") ||
    parent.type === "TSAsExpression" ||
    parent.type === "TSSatisfiesExpression" ||
    parent.type === "TSNonNullExpression"
  );
}

const DECLARING = new Set([
  "VariableDeclarator",
  "FunctionDeclaration",
  "FunctionExpression",
  "ClassDeclaration",
  "TSInterfaceDeclaration",
  "TSTypeAliasDeclaration",
  "TSTypeParameter",
]);

function declaredNames(program: SyntaxNode): Set<string> {
  const names = new Set<string>();
  const add = (value: unknown) => {
    for (const name of namesInPattern(value)) names.add(name);
  };
  walk(program, (node) => {
    if (DECLARING.has(node.type)) add(node["id"] ?? node["name"]);
    if (node.type.startsWith("Import") && node.type.endsWith("Specifier")) add(node["local"]);
    if (Array.isArray(node["params"])) node["params"].forEach(add);
  });
  return names;
}

/** The names bound by a parameter or the left side of a declaration: `{ fetch = egress, ...rest }`. */
function namesInPattern(value: unknown): string[] {
  if (!isNode(value)) return [];
  switch (value.type) {
    case "Identifier":
      return [nameOf(value) ?? ""];
    case "AssignmentPattern":
      return namesInPattern(value["left"]);
    case "RestElement":
      return namesInPattern(value["argument"]);
    case "TSParameterProperty":
      return namesInPattern(value["parameter"]);
    case "ArrayPattern":
      return (Array.isArray(value["elements"]) ? value["elements"] : []).flatMap(namesInPattern);
    case "ObjectPattern":
      return (Array.isArray(value["properties"]) ? value["properties"] : []).flatMap((property: unknown) =>
        isNode(property) && property.type === "Property" ? namesInPattern(property["value"]) : namesInPattern(property),
      );
    default:
      return [];
  }
}
