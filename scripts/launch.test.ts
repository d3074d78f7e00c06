import { spawn } from "node:child_process";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** A small clone of a project with one dependency, `left`, and the launcher. `npm` is a stand-in that does what `npm.sh` says. */
async function aClone(options: { installed?: string; hiddenLock?: boolean; npm?: string } = {}) {
  const root = await mkdtemp(join(tmpdir(), "weir-launch-"));
  folders.push(root);
  const lock = {
    packages: {
      "": { dependencies: { left: "1.0.0" } },
      "node_modules/left": { version: "1.0.0" },
      "node_modules/node": { version: process.version.slice(1) },
      "node_modules/for-another-machine": { version: "1.0.0", optional: true, os: ["plan9"], cpu: ["mips"] },
    },
  };
  await write(root, "package.json", JSON.stringify({ dependencies: { left: "1.0.0" } }));
  await write(root, "package-lock.json", JSON.stringify(lock));
  await write(root, "scripts/hello.mjs", "console.log('hello', ...process.argv.slice(2)); process.exit(Number(process.env.EXIT ?? 0));");
  await copyFile(join(import.meta.dirname, "launch.mjs"), join(root, "scripts/launch.mjs"));
  // The stand-in notes its arguments and, unless told otherwise, installs.
  await write(
    root,
    "bin/npm",
    `#!/bin/sh\necho "$@" >> "${root}/npm.log"\n${options.npm ?? `cp -r "${root}/registry/." "${root}/node_modules/"`}\n`,
  );
  await chmod(join(root, "bin/npm"), 0o755);
  await modules(
    root,
    "registry",
    "1.0.0",
    JSON.stringify({ packages: { ...lock.packages, "node_modules/for-another-machine": undefined } }),
  );
  await mkdir(join(root, "node_modules"));
  if (options.installed !== undefined) {
    const hidden = {
      packages: { "node_modules/left": { version: options.installed }, "node_modules/node": { version: process.version.slice(1) } },
    };
    await modules(root, "node_modules", options.installed, options.hiddenLock === false ? undefined : JSON.stringify(hidden));
  }
  return root;
}

async function modules(root: string, folder: string, version: string, hiddenLock: string | undefined) {
  await write(root, `${folder}/left/package.json`, JSON.stringify({ version }));
  await write(root, `${folder}/node/package.json`, JSON.stringify({ version: process.version.slice(1) }));
  await mkdir(join(root, folder, "node/bin"));
  await symlink(process.execPath, join(root, folder, "node/bin/node"));
  if (hiddenLock !== undefined) await write(root, `${folder}/.package-lock.json`, hiddenLock);
}

async function write(root: string, path: string, text: string) {
  await mkdir(join(root, path, ".."), { recursive: true });
  await writeFile(join(root, path), text);
}

function launch(root: string, args: string[], env: Record<string, string> = {}) {
  const path = `${join(root, "bin")}:${process.env["PATH"] ?? ""}`;
  const child = spawn(process.execPath, ["scripts/launch.mjs", ...args], {
    cwd: root,
    env: { ...process.env, npm_execpath: "", PATH: path, ...env },
  });
  let output = "";
  child.stdout.on("data", (data: Buffer) => (output += data.toString()));
  child.stderr.on("data", (data: Buffer) => (output += data.toString()));
  const ended = new Promise<number>((done) => child.on("close", (code) => done(code ?? -1)));
  return {
    child,
    ended: ended.then(async (code) => ({ code, output, npm: await readFile(join(root, "npm.log"), "utf8").catch(() => "") })),
  };
}

test("a complete installation is left alone, and arguments and the exit code pass through", async () => {
  const run = await launch(await aClone({ installed: "1.0.0" }), ["scripts/hello.mjs", "a b", "--flag"], { EXIT: "7" }).ended;
  expect(run).toEqual({ code: 7, output: "hello a b --flag\n", npm: "" });
});

test.each([
  ["a fresh clone", {}, "nothing is installed yet|did not finish"],
  ["an installation that was interrupted", { installed: "1.0.0", hiddenLock: false }, "an earlier installation did not finish"],
  ["an installation older than package-lock.json", { installed: "0.9.0" }, "node_modules/left should be 1.0.0"],
])("%s is installed first", async (_, state, reason) => {
  const { code, output, npm } = await launch(await aClone(state), ["scripts/hello.mjs"]).ended;
  expect(output).toMatch(new RegExp(reason));
  expect([code, npm.trim()]).toEqual([0, "install --no-audit --no-fund --loglevel=error"]);
  expect(output).toContain("hello");
});

test("a package that was deleted by hand is found", async () => {
  const root = await aClone({ installed: "1.0.0" });
  await rm(join(root, "node_modules/left"), { recursive: true });
  const { output } = await launch(root, ["scripts/hello.mjs"]).ended;
  expect(output).toContain("node_modules/left is damaged");
  expect(output).toContain("hello");
});

test("the project's Node that does not start is installed again", async () => {
  const root = await aClone({ installed: "1.0.0" });
  await rm(join(root, "node_modules/node/bin/node"));
  const { code, output } = await launch(root, ["scripts/hello.mjs"]).ended;
  expect(output).toContain("the project's own Node does not start");
  expect(code).toBe(0);
});

test("an installation that fails says how to mend it", async () => {
  const { code, output } = await launch(await aClone({ npm: "echo 'network is down' >&2; exit 1" }), ["scripts/hello.mjs"]).ended;
  expect(code).toBe(1);
  expect(output).toContain("network is down");
  expect(output).toContain("rm -rf node_modules && npm install");
});

test("a script that does not exist is named", async () => {
  const { code, output } = await launch(await aClone({ installed: "1.0.0" }), ["scripts/start.ts"]).ended;
  expect([code, output]).toEqual([1, "weir: scripts/start.ts does not exist in this version of Weir.\n"]);
});

test("a signal reaches the script, which decides how to end", async () => {
  const root = await aClone({ installed: "1.0.0" });
  await write(
    root,
    "scripts/wait.mjs",
    "process.on('SIGTERM', () => { console.log('tidy'); process.exit(3); }); console.log('up'); setInterval(() => {}, 1000);",
  );
  const { child, ended } = launch(root, ["scripts/wait.mjs"]);
  await new Promise<void>((up) => child.stdout.once("data", () => up()));
  child.kill("SIGTERM");
  expect(await ended).toMatchObject({ code: 3, output: "up\ntidy\n" });
});
