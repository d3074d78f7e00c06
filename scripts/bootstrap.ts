/**
 * `npm run bootstrap -- --cell eu`: gives a new cell its root key and its operator key, once.
 * `--rotate` replaces the operator key. It never touches the root key: what is sealed under it would be lost.
 */
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { type Cell, CELLS, isCell } from "../packages/domain/src/cells.ts";
import { hashKey, newKey, OPERATOR } from "../packages/domain/src/keys.ts";
import type { Print } from "./deploy.ts";
import { CELL_SECRETS, secretsOf } from "./preflight.ts";
import { run, type Runner, said } from "./run.ts";
import { deployedName, readCellFiles, type WranglerFile } from "./wrangler-files.ts";

const USAGE = `npm run bootstrap -- --cell <${CELLS.join(" | ")}> [--rotate]`;

type SecretName = (typeof CELL_SECRETS)[number];

interface Target {
  file: WranglerFile;
  env: string;
  present: Set<string>;
}

/** Returns the exit code. */
export async function bootstrap(args: readonly string[], runner: Runner, print: Print): Promise<number> {
  const options = readOptions(args);
  if (!options) {
    print(USAGE);
    return 2;
  }
  const env = `${options.cell}-production`;
  const targets: Target[] = [];
  for (const file of await readCellFiles()) targets.push({ file, env, present: await secretsOf(file, env, runner) });
  return options.rotate ? rotate(options.cell, targets, runner, print) : firstKeys(options.cell, targets, runner, print);
}

function readOptions(args: readonly string[]): { cell: Cell; rotate: boolean } | undefined {
  try {
    const { values } = parseArgs({ args: [...args], options: { cell: { type: "string" }, rotate: { type: "boolean", default: false } } });
    return isCell(values.cell) ? { cell: values.cell, rotate: values.rotate } : undefined;
  } catch {
    return undefined;
  }
}

async function firstKeys(cell: Cell, targets: readonly Target[], runner: Runner, print: Print): Promise<number> {
  const taken = targets.filter((target) => CELL_SECRETS.some((name) => target.present.has(name)));
  if (taken.length > 0) {
    print(`Cell ${cell} has its keys already (${taken.map(nameOf).join(", ")}); nothing was changed.`);
    print(`To replace the operator key:  npm run bootstrap -- --cell ${cell} --rotate`);
    return 1;
  }
  const { key } = newKey(cell, OPERATOR);
  const secrets: Record<SecretName, string> = { CELL_KEY: randomBytes(32).toString("base64"), OPERATOR_KEY_HASH: await hashKey(key) };
  const stored: [Target, SecretName][] = [];
  for (const target of targets) {
    for (const name of CELL_SECRETS) {
      const problem = await putSecret(target, name, secrets[name], runner);
      if (problem !== undefined) {
        print(`Storing ${name} for ${nameOf(target)} failed: ${problem}`);
        return undo(stored, runner, print);
      }
      stored.push([target, name]);
    }
  }
  printKey(cell, key, print);
  return 0;
}

/**
 * Takes back what a broken first run stored. Otherwise some workers would hold a root key that the others can never get:
 * a secret cannot be read again.
 */
async function undo(stored: readonly [Target, SecretName][], runner: Runner, print: Print): Promise<number> {
  const left: string[] = [];
  for (const [target, name] of stored) {
    const command = ["wrangler", "secret", "delete", name, "--config", target.file.path, "--env", target.env];
    if ((await runner(command, { input: "y\n" })).code !== 0) left.push(`npx ${command.join(" ")}`);
  }
  if (left.length === 0) print("What was stored before was taken back: run the same command again.");
  else print(`Take back the rest by hand before you run this again:\n  ${left.join("\n  ")}`);
  return 1;
}

async function rotate(cell: Cell, targets: readonly Target[], runner: Runner, print: Print): Promise<number> {
  const without = targets.filter((target) => !target.present.has("CELL_KEY"));
  if (without.length > 0) {
    print(`There is nothing to rotate: ${without.map(nameOf).join(", ")} has no CELL_KEY. Run without --rotate first.`);
    return 1;
  }
  const { key } = newKey(cell, OPERATOR);
  const hash = await hashKey(key);
  for (const target of targets) {
    const problem = await putSecret(target, "OPERATOR_KEY_HASH", hash, runner);
    if (problem !== undefined) {
      print(`Storing the new hash for ${nameOf(target)} failed: ${problem}`);
      print("Some workers may know the new key and some the old one. Run the same command again: it makes a fresh key for all.");
      return 1;
    }
  }
  printKey(cell, key, print);
  print("The operator key before it no longer works.");
  return 0;
}

/** The value goes through stdin: arguments show in the process list and in shell histories. */
async function putSecret(target: Target, name: SecretName, value: string, runner: Runner): Promise<string | undefined> {
  const result = await runner(["wrangler", "secret", "put", name, "--config", target.file.path, "--env", target.env], { input: value });
  return result.code === 0 ? undefined : said(result);
}

function nameOf(target: Target): string {
  return deployedName(target.file, target.env);
}

function printKey(cell: Cell, key: string, print: Print): void {
  print(`Operator key of cell ${cell}. It is shown this once and stored nowhere; keep it in a password manager:`);
  print(key);
}

if (import.meta.main) process.exitCode = await bootstrap(process.argv.slice(2), run, console.log);
