import { join } from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { bundleWorker } from "../../packages/cli/src/bundle.ts";

/** Boots the objects of `gate-state-worker.ts`; each run gets one of its own. */
export async function bootGateState() {
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: "127.0.0.1",
      port: 0,
      cf: false,
      log: new Log(LogLevel.ERROR),
      unsafeObservability: false,
      modules: await bundleWorker(join(import.meta.dirname, "gate-state-worker.ts")),
      modulesRoot: "/",
      compatibilityDate: "2026-11-01",
      durableObjects: { STATE: { className: "GateState", useSQLite: true } },
    }),
  );
  const url = await miniflare.ready;
  return {
    async run<Result>(body: object): Promise<Result> {
      const response = await fetch(new URL(`/${crypto.randomUUID()}`, url), { method: "POST", body: JSON.stringify(body) });
      if (!response.ok) throw new Error(await response.text());
      return JSON.parse(await response.text());
    },
    stop: () => miniflare.dispose(),
  };
}
