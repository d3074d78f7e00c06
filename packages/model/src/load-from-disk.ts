import { readFileSync } from "node:fs";

/** The package's own files, for Node: command line, benchmarks, tests. A Worker imports the kernel and fetches the weights from its assets. */
export interface ModelFiles {
  kernel: WebAssembly.Module;
  weights: ArrayBuffer;
  router: unknown;
}

function read(path: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(readFileSync(new URL(path, import.meta.url)));
}

/** Reads kernel, chat weights and router from this package's folder. @throws when a file is missing */
export function loadFromDisk(): ModelFiles {
  return {
    kernel: new WebAssembly.Module(read("./kernel.wasm")),
    weights: read("../weights/weir-chat.gguf").buffer,
    router: JSON.parse(new TextDecoder().decode(read("../weights/router.json"))),
  };
}
