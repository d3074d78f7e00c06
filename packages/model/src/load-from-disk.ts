import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The package's own files, for Node: command line, benchmarks, tests. A Worker imports the kernel and fetches the weights from its assets. */
export interface ModelFiles {
  kernel: WebAssembly.Module;
  weights: ArrayBuffer;
  router: unknown;
}

function read(path: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(readFileSync(fileURLToPath(new URL(path, import.meta.url).href)));
}

/** Compiles a module. Node can, workerd cannot, so the Workers types call the class abstract; hence Reflect. */
export function compileModule(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  const module: unknown = Reflect.construct(WebAssembly.Module, [bytes]);
  if (!(module instanceof WebAssembly.Module)) throw new TypeError("Not a WebAssembly module.");
  return module;
}

/** Reads kernel, chat weights and router from this package's folder. @throws when a file is missing */
export function loadFromDisk(): ModelFiles {
  return {
    kernel: compileModule(read("./kernel.wasm")),
    weights: read("../weights/weir-chat.gguf").buffer,
    router: JSON.parse(new TextDecoder().decode(read("../weights/router.json"))),
  };
}

/** Reads the sentence encoder's weights from this package's folder. @throws when the file is missing */
export function loadEmbedWeightsFromDisk(): ArrayBuffer {
  return read("../weights/weir-embed.gguf").buffer;
}
