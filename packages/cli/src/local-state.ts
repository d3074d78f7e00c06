import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { hashKey, newKey, OPERATOR } from "@weir/domain/keys";
import { CELLS, type CellName, type CellSecrets } from "./stack.ts";

/** Something that the person at the keyboard can mend; the message says how. */
export class StartError extends Error {
  override readonly name = "StartError";
}

/** Rises when what is kept can no longer be read by an older or newer program. */
const STATE_VERSION = 1;

export interface LocalSecrets {
  cells: Record<CellName, CellSecrets & { operator_key: string }>;
}

/** What scripts and tests read: addresses and keys of the local stack. */
export interface DevJson {
  url: string;
  cells: Record<CellName, { operator_key: string }>;
  demo: { tenant: string; cell: CellName; api_key: string; subject: string };
}

/** The folder that keeps a local stack: databases, objects, secrets. Readable by its owner alone. */
export class LocalState {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  async open(options: { reset: boolean }): Promise<void> {
    try {
      await this.#open(options);
    } catch (error) {
      if (error instanceof StartError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new StartError(
        `The folder ${this.folder} cannot be used for state (${why}).\nChoose one that you may write to: WEIR_STATE=/tmp/weir npm start`,
      );
    }
  }

  async #open(options: { reset: boolean }): Promise<void> {
    this.#refuseForeignFolder();
    if (options.reset) {
      await this.#refuseWhileRunning();
      await rm(this.folder, { recursive: true, force: true });
    }
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    await chmod(this.folder, 0o700);
    const version = await this.#read<{ version: number }>("version.json");
    if (version !== undefined && version.version !== STATE_VERSION)
      throw this.#unreadable(`is of version ${version.version}, this program reads ${STATE_VERSION}`);
    await this.#refuseWhileRunning();
    await this.#write("version.json", { version: STATE_VERSION });
    await this.#write("running.json", { pid: process.pid });
  }

  /** Synchronous, so that it can run while the process exits, whoever ends it. */
  close(): void {
    rmSync(join(this.folder, "running.json"), { force: true });
  }

  /** Keys of this machine's cells, made once. */
  async secrets(): Promise<LocalSecrets> {
    const kept = await this.#read<LocalSecrets>("secrets.json");
    if (kept) return kept;
    const made: LocalSecrets = { cells: { eu: await newCellSecrets("eu"), us: await newCellSecrets("us") } };
    await this.#write("secrets.json", made);
    return made;
  }

  devJson(): Promise<DevJson | undefined> {
    return this.#read<DevJson>("dev.json");
  }

  async writeDevJson(dev: DevJson): Promise<string> {
    await this.#write("dev.json", dev);
    return join(this.folder, "dev.json");
  }

  /** `--reset` deletes the folder and a start closes it to others: neither may happen to a home folder or a repository. */
  #refuseForeignFolder(): void {
    if (!existsSync(this.folder)) return;
    const names = readdirSync(this.folder);
    if (names.length === 0 || names.includes("version.json")) return;
    throw new StartError(
      `${this.folder} holds something else than Weir's state.\nSet WEIR_STATE to a folder of its own, one that does not exist yet: WEIR_STATE=/tmp/weir npm start`,
    );
  }

  async #refuseWhileRunning(): Promise<void> {
    const running = await this.#read<{ pid: number }>("running.json");
    if (running && running.pid !== process.pid && isAlive(running.pid)) {
      throw new StartError(
        `Weir is already running on ${this.folder} (process ${running.pid}).\nStop it first (Ctrl-C there, or: kill ${running.pid}), or use another folder: WEIR_STATE=/tmp/weir npm start`,
      );
    }
  }

  #unreadable(why: string): StartError {
    return new StartError(
      `The state in ${this.folder} ${why}.\nBegin anew (this deletes it): npm start -- --reset\nOr keep it and use another folder: WEIR_STATE=/tmp/weir npm start`,
    );
  }

  async #read<Value>(name: string): Promise<Value | undefined> {
    let text: string;
    try {
      text = await readFile(join(this.folder, name), "utf8");
    } catch {
      return undefined;
    }
    try {
      return JSON.parse(text);
    } catch {
      throw this.#unreadable(`is damaged: ${name} is not JSON`);
    }
  }

  async #write(name: string, value: unknown): Promise<void> {
    await writeFile(join(this.folder, name), `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  }
}

async function newCellSecrets(cell: CellName): Promise<CellSecrets & { operator_key: string }> {
  const { key } = newKey(cell, OPERATOR);
  const cellKey = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64");
  return { CELL_KEY: cellKey, OPERATOR_KEY_HASH: await hashKey(key), operator_key: key };
}

/** Fails with a message that says how to go on when nothing can listen on the port. */
export async function requireFreePort(port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "is in use" : `cannot be opened (${error.code ?? error.message})`;
      reject(new StartError(`Port ${port} ${why}.\nStop what listens there, or choose another port: WEIR_PORT=${port + 1} npm start`));
    });
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve()));
  });
}

/** `WEIR_PORT`, 8787 unless set. */
export function portOf(value: string | undefined): number {
  const port = Number(value ?? "8787");
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new StartError(`WEIR_PORT is "${value}": it must be a port from 1 to 65535.`);
  return port;
}

/** Whether a process is a start of Weir that still runs. A number alone proves nothing: it is used again after a crash. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("start.ts");
  } catch {
    // No /proc, as on macOS: the number is all there is.
    return true;
  }
}

export function operatorKeys(secrets: LocalSecrets): DevJson["cells"] {
  const [eu, us] = CELLS;
  return { [eu]: { operator_key: secrets.cells.eu.operator_key }, [us]: { operator_key: secrets.cells.us.operator_key } };
}
