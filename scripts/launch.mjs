#!/usr/bin/env node
/**
 * Starts a script of this project on a machine that has only Node 20 or newer and npm:
 *
 *   node scripts/launch.mjs scripts/check.ts --some-flag
 *   node scripts/launch.mjs drizzle-kit generate
 *
 * 1. Makes node_modules agree with package-lock.json, by `npm install` when something is missing or old.
 * 2. Makes sure that the programs which arrive as binaries (node, workerd, esbuild) really start.
 * 3. Runs the script with the project's own Node, its folder and node_modules/.bin first on PATH.
 *
 * Plain JavaScript, and no imports but Node's own: this file runs before anything is installed.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const modules = join(root, "node_modules");
const ownNode = join(modules, "node", "bin", "node");
const OLDEST_NODE = 20;
let knownLibc;

function main() {
  const [target, ...args] = process.argv.slice(2);
  if (!target) fail("Usage: node scripts/launch.mjs <script.ts | command> [arguments]");
  if (Number(process.versions.node.split(".")[0]) < OLDEST_NODE) {
    fail(`Weir needs Node ${OLDEST_NODE} or newer to start; this is ${process.version}. See https://nodejs.org`);
  }
  installWhatIsMissing();
  const command = commandFor(target);
  forward(spawn(command[0], [...command.slice(1), ...args], { cwd: root, stdio: "inherit", env: projectEnv() }));
}

function installWhatIsMissing() {
  const reasons = whatIsWrong();
  if (reasons.length === 0) return;
  say(`Installing packages: ${summary(reasons)}.`);
  // stdout belongs to the script that follows, so what npm says goes to stderr.
  const npm = npmCommand();
  const install = spawnSync(npm[0], [...npm.slice(1), "install", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  if (install.status !== 0) {
    fail(`npm install failed${install.error ? `: ${install.error.message}` : ` (exit code ${install.status})`}.\n${howToMend()}`);
  }
  if (!starts(ownNode)) runNodesInstallScript();
  const left = whatIsWrong();
  if (left.length > 0) fail(`npm install finished, but ${summary(left)}.\n${howToMend()}`);
}

function whatIsWrong() {
  const incomplete = incompletePackages();
  return incomplete.length > 0 ? incomplete : deadBinaries();
}

/** Reasons why node_modules is not what package.json and package-lock.json ask for; empty when it is. */
function incompletePackages() {
  const lock = readJson(join(root, "package-lock.json"));
  // npm writes its hidden copy last, so without it an installation was interrupted.
  const hidden = readJson(join(modules, ".package-lock.json"));
  if (!lock) return ["there is no package-lock.json"];
  if (!hidden) return [existsSync(modules) ? "an earlier installation did not finish" : "nothing is installed yet"];
  const manifest = readJson(join(root, "package.json")) ?? {};
  const reasons = [];
  for (const kind of ["dependencies", "devDependencies"]) {
    for (const [name, version] of Object.entries(manifest[kind] ?? {})) {
      if (lock.packages[""]?.[kind]?.[name] !== version) reasons.push(`${name} is not yet in package-lock.json`);
    }
  }
  for (const [path, wanted] of Object.entries(lock.packages)) {
    if (!path.includes("node_modules/") || !isForThisMachine(wanted)) continue;
    if (wanted.link) {
      if (!existsSync(join(root, path))) reasons.push(`${path} is missing`);
    } else if (hidden.packages[path]?.version !== wanted.version) {
      reasons.push(`${path} should be ${wanted.version}`);
    } else if (readJson(join(root, path, "package.json"))?.version !== wanted.version) {
      reasons.push(`${path} is damaged`);
    }
  }
  return reasons;
}

/**
 * Optional packages are mostly native builds for other machines. Those that name exactly this system are needed all the
 * same: npm at times leaves them out without an error.
 */
function isForThisMachine(entry) {
  if (!entry.optional) return true;
  if (!entry.os?.includes(process.platform) || !entry.cpu?.includes(process.arch)) return false;
  return !entry.libc || entry.libc.includes(libc());
}

function libc() {
  if (process.platform !== "linux") return undefined;
  knownLibc ??= process.report.getReport().header.glibcVersionRuntime ? "glibc" : "musl";
  return knownLibc;
}

/** Programs that should start and do not. An install script that was skipped leaves exactly this behind. */
function deadBinaries() {
  const wanted = readJson(join(root, "package-lock.json"))?.packages ?? {};
  const reasons = [];
  if (wanted["node_modules/node"] && starts(ownNode) !== `v${wanted["node_modules/node"].version}`) {
    runNodesInstallScript();
    if (!starts(ownNode)) reasons.push("the project's own Node does not start");
  }
  for (const name of ["workerd", "esbuild"]) {
    if (wanted[`node_modules/${name}`] && !starts(join(modules, ".bin", name))) reasons.push(`${name} does not start`);
  }
  return reasons;
}

/** What `--version` prints, or undefined when the program is absent or does not start. */
function starts(program) {
  const run = spawnSync(program, ["--version"], { encoding: "utf8", timeout: 20_000 });
  return run.status === 0 ? run.stdout.trim() : undefined;
}

/** The `node` package fetches the binary for this machine in its install script, which npm may have been told to skip. */
function runNodesInstallScript() {
  const folder = join(modules, "node");
  if (!existsSync(join(folder, "installArchSpecificPackage.js"))) return;
  spawnSync(process.execPath, ["installArchSpecificPackage.js"], { cwd: folder, stdio: ["ignore", 2, 2], timeout: 300_000 });
}

function commandFor(target) {
  if (!/\.(ts|mjs|js)$/.test(target)) {
    const program = join(modules, ".bin", target);
    if (!existsSync(program)) fail(`There is no command ${target} in node_modules/.bin.`);
    return [program];
  }
  if (!existsSync(join(root, target))) fail(`${target} does not exist in this version of Weir.`);
  return [ownNode, join(root, target)];
}

function projectEnv() {
  const path = [dirname(ownNode), join(modules, ".bin"), process.env.PATH ?? ""].join(delimiter);
  // Wrangler would report usage; nothing leaves this machine unasked.
  return { ...process.env, PATH: path, WRANGLER_SEND_METRICS: "false" };
}

function npmCommand() {
  // Under `npm run` this is the very npm that was called; it may not be on PATH.
  const script = process.env.npm_execpath;
  return script?.endsWith(".js") && existsSync(script) ? [process.execPath, script] : ["npm"];
}

/** Hands signals on and takes over the exit code. */
function forward(child) {
  for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"]) {
    process.on(signal, () => {
      // Ctrl-C in a terminal reaches the whole process group: the child has it already.
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on("error", (error) => fail(`Could not start: ${error.message}\n${howToMend()}`));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function summary(reasons) {
  const more = reasons.length > 3 ? `, and ${reasons.length - 3} more` : "";
  return reasons.slice(0, 3).join(", ") + more;
}

function howToMend() {
  return [
    "To mend it:",
    "  1. check that this machine reaches the npm registry:  npm ping",
    "  2. start from nothing:                                rm -rf node_modules && npm install",
    "  3. run the command again. Behind a proxy, set npm's `proxy` and `https-proxy` first.",
  ].join("\n");
}

function say(text) {
  process.stderr.write(`weir: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}

main();
