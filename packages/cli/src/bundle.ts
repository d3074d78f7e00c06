import { readFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { build, type Plugin } from "esbuild";

export interface WorkerModule {
  type: "ESModule" | "CompiledWasm";
  path: string;
  contents: string | Uint8Array<ArrayBuffer>;
}

/**
 * Bundles a worker the way `wrangler deploy` does: one ES module, WebAssembly kept as modules of its own
 * (workerd compiles them at load; compiling bytes at run time is forbidden there).
 */
export async function bundleWorker(entry: string): Promise<WorkerModule[]> {
  const wasm = new Map<string, string>();
  const keepWasm: Plugin = {
    name: "keep-wasm",
    setup(builder) {
      builder.onResolve({ filter: /\.wasm$/ }, async (args) => {
        if (args.pluginData === "resolved") return undefined;
        const found = args.path.startsWith(".")
          ? { path: resolve(dirname(args.importer), args.path) }
          : await builder.resolve(args.path, {
              kind: args.kind,
              importer: args.importer,
              resolveDir: args.resolveDir,
              pluginData: "resolved",
            });
        wasm.set(basename(found.path), found.path);
        return { path: `./${basename(found.path)}`, external: true };
      });
    },
  };
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    mainFields: ["browser", "module", "main"],
    external: ["cloudflare:*", "node:*"],
    plugins: [keepWasm],
    sourcemap: "inline",
    logLevel: "silent",
  });
  const script = result.outputFiles[0];
  if (!script) throw new Error(`esbuild made no output for ${entry}`);
  const modules: WorkerModule[] = [{ type: "ESModule", path: "index.js", contents: script.text }];
  for (const [name, path] of wasm) modules.push({ type: "CompiledWasm", path: name, contents: new Uint8Array(await readFile(path)) });
  return modules;
}
