import { parseArgs } from "node:util";

export interface BenchOptions {
  /** Length of one slice. */
  seconds: number;
  passes: number;
  /** Only targets whose name contains this; such a run prints and writes no file. */
  only: string | undefined;
}

export const USAGE = "Usage: npm run bench -- inference [--seconds 2] [--passes 3] [--only <part of a target's name>]";

/** Throws on anything it does not know. */
export function parseOptions(args: readonly string[]): { suite: string; options: BenchOptions } {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { seconds: { type: "string", default: "2" }, passes: { type: "string", default: "3" }, only: { type: "string" } },
  });
  const [suite = "inference"] = positionals;
  return { suite, options: { seconds: positive("seconds", values.seconds), passes: positive("passes", values.passes), only: values.only } };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} takes a positive number, not ${text}`);
  return value;
}
