import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";

export const ROOT = resolve(import.meta.dirname, "..");

export interface RunResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** Written to the program's stdin. Secrets go this way: arguments are visible to every process of the machine. */
  input?: string;
  cwd?: string;
  env?: Record<string, string>;
}

/** Runs a program and collects what it says. Scripts that act on an account take it as an argument, so that tests hand in a fake. */
export type Runner = (command: readonly string[], options?: RunOptions) => Promise<RunResult>;

export const run: Runner = (command, options = {}) =>
  new Promise((done) => {
    const [program = "", ...args] = command;
    const child = spawn(program, args, { cwd: options.cwd ?? ROOT, env: { ...process.env, NO_COLOR: "1", ...options.env } });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    // A program that ends before it has read its input closes the pipe; its exit code tells the story.
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
    child.on("error", (error) => done({ code: 127, stdout, stderr: `${stderr}${error.message}\n` }));
    child.on("close", (code) => done({ code: code ?? 1, stdout, stderr }));
  });

/** What a program said, both streams, without colours and the spaces around it. */
export function said(result: RunResult): string {
  return stripVTControlCharacters(`${result.stdout}\n${result.stderr}`).trim();
}
