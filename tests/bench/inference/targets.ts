import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { bundleWorker } from "../../../packages/cli/src/bundle.ts";
import { workerdOf, startProgram } from "../processes.ts";
import { bootWeir, GATEWAY, INFERENCE } from "./weir.ts";

export interface Target {
  name: string;
  url: string;
  headers: Record<string, string>;
  /** The process whose CPU is counted: the gateway's, or of `direct` the upstream's. */
  pid: number | undefined;
  /** Work that goes on after the answers belongs to them: how long to wait for it, ms. */
  drainMs: number;
}

export interface Targets {
  targets: Target[];
  stop: () => Promise<void>;
}

const PATH = "/v1/chat/completions";

/** Starts the upstream and every target in front of it, each in its own process, so that slices of them can be interleaved. */
export async function startTargets(): Promise<Targets> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const end of stops.splice(0).toReversed()) await end();
  };
  try {
    const mock = await startProgram(join(import.meta.dirname, "mock-upstream.ts"));
    stops.push(mock.stop);
    const upstream = `http://127.0.0.1:${String(mock.greeting)}`;
    const direct: Target = { name: "direct", url: upstream + PATH, headers: {}, pid: mock.pid, drainMs: 0 };

    const hono = await workerdOf(() => bootHono(upstream));
    stops.push(() => hono.result.dispose());
    const honoUrl = (await hono.result.unsafeGetDirectURL("bare-hono")).origin;

    const portkeyPort = await freePort();
    const portkey = await startProgram(join(import.meta.dirname, "portkey.ts"), [`--port=${portkeyPort}`, "--headless"]);
    stops.push(portkey.stop);
    const portkeyHeaders = { authorization: "Bearer secret", "x-portkey-provider": "openai", "x-portkey-custom-host": `${upstream}/v1` };

    const weir = await workerdOf(() => bootWeir(upstream, { directSockets: [GATEWAY, INFERENCE] }));
    const { stack, headers } = weir.result;
    stops.push(() => stack.stop());

    const inMemory = await bootInMemory(upstream);
    if (inMemory) stops.push(inMemory.stop);

    return {
      targets: [
        direct,
        { name: "bare Hono on workerd", url: honoUrl + PATH, headers: {}, pid: hono.pid, drainMs: 0 },
        { name: "Portkey", url: `http://127.0.0.1:${portkeyPort}${PATH}`, headers: portkeyHeaders, pid: portkey.pid, drainMs: 0 },
        { name: "Weir, inference worker alone", url: (await stack.directUrl(INFERENCE)) + PATH, headers, pid: weir.pid, drainMs: DRAIN_MS },
        { name: "Weir", url: (await stack.directUrl(GATEWAY)) + PATH, headers, pid: weir.pid, drainMs: DRAIN_MS },
        ...(inMemory ? [inMemory.target] : []),
      ],
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Weir once more, on a file system that never waits for a disk: what is left is computing. Undefined where there is none. */
async function bootInMemory(upstream: string): Promise<{ target: Target; stop: () => Promise<void> } | undefined> {
  const state = await mkdtemp("/dev/shm/weir-bench-").catch(() => undefined);
  if (state === undefined) return undefined;
  const { result, pid } = await workerdOf(() => bootWeir(upstream, { directSockets: [GATEWAY], state }));
  const url = (await result.stack.directUrl(GATEWAY)) + PATH;
  return {
    target: { name: "Weir, state in RAM", url, headers: result.headers, pid, drainMs: DRAIN_MS },
    stop: async () => {
      await result.stack.stop();
      await rm(state, { recursive: true, force: true });
    },
  };
}

// Packs leave the Gate after 250 ms, wait up to a second in a queue, are summed after two, and wait in a queue again.
const DRAIN_MS = 4_500;

async function bootHono(upstream: string): Promise<Miniflare> {
  const modules = await bundleWorker(join(import.meta.dirname, "hono-worker.ts"));
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      log: new Log(LogLevel.ERROR),
      logRequests: false,
      unsafeObservability: false,
      workers: [
        {
          name: "bare-hono",
          modules,
          modulesRoot: "/",
          compatibilityDate: "2026-11-01",
          bindings: { UPSTREAM: `${upstream}/v1` },
          unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
        },
      ],
    }),
  );
  await miniflare.ready;
  return miniflare;
}

/** For a program that takes only a number. Free at this moment; nobody else asks for ports meanwhile. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (typeof address === "object" && address ? resolve(address.port) : reject(new Error("No free port"))));
    });
  });
}
