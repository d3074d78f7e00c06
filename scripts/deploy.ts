/**
 * `npm run deploy -- --cell eu`: deploys the five workers of a cell.
 * `npm run deploy -- --gateway`: deploys the gateway, after the cells.
 * `--dry-run` prints the plan and builds, without touching an account.
 */
import { parseArgs } from "node:util";
import { deployOrder, type DeployStep, writePartialConfig } from "./deploy-order.ts";
import { CELL_SECRETS, preflight, resourcesOf, secretsOf } from "./preflight.ts";
import { problemOf } from "./dry-run.ts";
import { run, type Runner, said } from "./run.ts";
import { deployedName, GATEWAY, readCellFiles, readWranglerFile, type WranglerFile, wranglerPath } from "./wrangler-files.ts";
import { CELLS, isCell } from "../packages/domain/src/cells.ts";

const USAGE = `Name what to deploy; there is no default, so that nothing goes to the wrong jurisdiction:
  npm run deploy -- --cell <${CELLS.join(" | ")}> [--dry-run]
  npm run deploy -- --gateway [--dry-run]`;

const MIGRATIONS_APPLY_WITH = "billing";

export type Print = (line: string) => void;

/** Returns the exit code. */
export async function deploy(args: readonly string[], runner: Runner, print: Print): Promise<number> {
  const options = readOptions(args);
  if (!options) {
    print(USAGE);
    return 2;
  }
  return options.cell === undefined
    ? deployGateway(options.dryRun, runner, print)
    : deployCell(options.cell, options.dryRun, runner, print);
}

function readOptions(args: readonly string[]): { cell: string | undefined; dryRun: boolean } | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { cell: { type: "string" }, gateway: { type: "boolean", default: false }, "dry-run": { type: "boolean", default: false } },
    });
    const one = values.gateway ? values.cell === undefined : isCell(values.cell);
    return one ? { cell: values.cell, dryRun: values["dry-run"] } : undefined;
  } catch {
    return undefined;
  }
}

async function deployCell(cell: string, dryRun: boolean, runner: Runner, print: Print): Promise<number> {
  const env = `${cell}-production`;
  const files = await readCellFiles();
  const resources = resourcesOf(files, env);
  if (dryRun) {
    // Without asking the account nothing is known to exist: show the longer plan, that of a first deployment.
    const steps = deployOrder(files, env, () => false);
    printPlan(resources.databases, steps, env, print);
    return (await buildAll(files, steps, env, runner, print)) ? nothingDeployed(print) : 1;
  }
  const found = await preflight(resources, cell, runner);
  if (found.problems.length > 0) {
    print(`Cell ${cell} is not ready; nothing was deployed.`);
    for (const problem of found.problems) print(`  - ${problem}`);
    if (found.commands.length > 0) print("Create what is missing:");
    for (const command of found.commands) print(`  npx ${command}`);
    return 1;
  }
  const lacking = await lackingSecrets(files, env, runner);
  if (lacking.length > 0) {
    print(`Secrets are missing; nothing was deployed.\n${lacking.map((line) => `  - ${line}`).join("\n")}`);
    print(`If this is a new cell, run first:  npm run bootstrap -- --cell ${cell}`);
    return 1;
  }
  // Secrets can make an empty worker of the same name, so a worker's existence proves nothing. It consumes its own
  // inbox only once it was really deployed.
  const exists = (worker: string) => found.consumers.get(worker)?.includes(worker) ?? false;
  const steps = deployOrder(files, env, exists);
  printPlan(resources.databases, steps, env, print);
  // Build everything first: a warning on the last worker should stop the first one.
  if (!(await buildAll(files, steps, env, runner, print))) return 1;
  if (!(await migrate(resources.databases, env, runner, print))) return 1;
  return (await deployAll(files, steps, env, runner, print)) ? 0 : 1;
}

async function deployGateway(dryRun: boolean, runner: Runner, print: Print): Promise<number> {
  const file = await readWranglerFile(GATEWAY);
  const steps: DeployStep[] = [{ worker: GATEWAY, without: [] }];
  printPlan([], steps, "production", print);
  if (!(await buildAll([file], steps, "production", runner, print))) return 1;
  if (dryRun) return nothingDeployed(print);
  return (await deployAll([file], steps, "production", runner, print)) ? 0 : 1;
}

function printPlan(databases: readonly string[], steps: readonly DeployStep[], env: string, print: Print): void {
  print("Plan:");
  for (const name of databases) print(`  apply migrations to ${name}`);
  for (const { worker, without } of steps) {
    const left = without.length > 0 ? `, for now without ${without.join(", ")}, whose target comes later` : "";
    print(`  deploy ${worker} (${env})${left}`);
  }
}

async function lackingSecrets(files: readonly WranglerFile[], env: string, runner: Runner): Promise<string[]> {
  const lines: string[] = [];
  for (const file of files) {
    const present = await secretsOf(file, env, runner);
    const missing = CELL_SECRETS.filter((name) => !present.has(name));
    if (missing.length > 0) lines.push(`${deployedName(file, env)} lacks ${missing.join(", ")}`);
  }
  return lines;
}

/** Migrations come before the code that needs them; each is written so that the code before it still works. */
async function migrate(databases: readonly string[], env: string, runner: Runner, print: Print): Promise<boolean> {
  for (const name of databases) {
    const config = wranglerPath(MIGRATIONS_APPLY_WITH);
    const applied = await runner(["wrangler", "d1", "migrations", "apply", name, "--remote", "--config", config, "--env", env], {
      env: { CI: "true" },
    });
    if (applied.code !== 0) {
      print(`Migrations of ${name} failed; no worker was deployed.\n${said(applied)}`);
      return false;
    }
    print(`✓ migrations of ${name}`);
  }
  return true;
}

async function deployAll(
  files: readonly WranglerFile[],
  steps: readonly DeployStep[],
  env: string,
  runner: Runner,
  print: Print,
): Promise<boolean> {
  for (const step of steps) {
    const result = await runner(["wrangler", "deploy", "--config", await configFor(files, step, env), "--env", env]);
    if (result.code !== 0) {
      print(
        `✗ ${step.worker}: ${said(result)}\nThe steps before it are live. Mend this and run the same command again: every step can be repeated.`,
      );
      return false;
    }
    print(`✓ ${step.worker} is live`);
  }
  return true;
}

/** Builds without deploying; any warning of wrangler counts as a failure. */
async function buildAll(
  files: readonly WranglerFile[],
  steps: readonly DeployStep[],
  env: string,
  runner: Runner,
  print: Print,
): Promise<boolean> {
  for (const step of steps) {
    const problem = problemOf(
      await runner(["wrangler", "deploy", "--dry-run", "--config", await configFor(files, step, env), "--env", env]),
    );
    if (problem !== undefined) {
      print(`✗ ${step.worker}: ${problem}\nNothing was deployed.`);
      return false;
    }
    print(`✓ ${step.worker} builds`);
  }
  return true;
}

function nothingDeployed(print: Print): number {
  print("Dry run: nothing was deployed.");
  return 0;
}

async function configFor(files: readonly WranglerFile[], step: DeployStep, env: string): Promise<string> {
  const file = files.find((candidate) => candidate.worker === step.worker);
  if (!file) throw new Error(`No wrangler file for ${step.worker}`);
  return step.without.length > 0 ? writePartialConfig(file, env, step.without) : file.path;
}

if (import.meta.main) process.exitCode = await deploy(process.argv.slice(2), run, console.log);
