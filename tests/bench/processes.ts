import { type ChildProcess, fork } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

// USER_HZ: the unit of the times in /proc, the same on every Linux that Node runs on.
const TICKS_PER_SECOND = 100;

/** CPU that a process has used in user and kernel mode, µs, to 10 ms; undefined where there is no /proc. */
export function cpuMicros(pid: number): number | undefined {
  const stat = readProc(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The second field is the program's name in brackets and may hold spaces; utime and stime are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1_000_000) / TICKS_PER_SECOND;
}

/** The workerd that `boot` started. */
export async function workerdOf<Result>(boot: () => Promise<Result>): Promise<{ result: Result; pid: number | undefined }> {
  const before = new Set(childPids());
  const result = await boot();
  const isWorkerd = (pid: number) => readProc(`/proc/${pid}/comm`)?.trim() === "workerd";
  return { result, pid: childPids().find((pid) => !before.has(pid) && isWorkerd(pid)) };
}

/** The processes that this one has started and that still run; empty where there is no /proc. */
function childPids(): number[] {
  let threads: string[];
  try {
    threads = readdirSync(`/proc/${process.pid}/task`);
  } catch {
    return [];
  }
  const lists = threads.map((thread) => readProc(`/proc/${process.pid}/task/${thread}/children`) ?? "");
  return lists.flatMap((list) => list.split(" ").filter(Boolean).map(Number));
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

export interface Program {
  pid: number | undefined;
  /** The first message that it sent. */
  greeting: unknown;
  /** Sends a message and waits for the next one back. */
  ask: (message: object) => Promise<unknown>;
  stop: () => Promise<void>;
}

/** Starts a script of this folder as a process of its own, which ends when this one does: its channel closes. */
export async function startProgram(path: string, args: readonly string[] = []): Promise<Program> {
  const child = fork(path, args, { stdio: ["ignore", "ignore", "inherit", "ipc"], serialization: "advanced" });
  const greeting = await nextMessage(child);
  return {
    pid: child.pid,
    greeting,
    ask: (message) => {
      const answer = nextMessage(child);
      child.send(message);
      return answer;
    },
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.kill();
      }),
  };
}

function nextMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const gone = (code: number | null) => reject(new Error(`${child.spawnargs.slice(1).join(" ")} ended with code ${code}`));
    child.once("exit", gone);
    child.once("message", (message) => {
      child.off("exit", gone);
      resolve(message);
    });
  });
}
