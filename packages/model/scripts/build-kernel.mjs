// Compiles kernel/kernel.as.ts to WebAssembly: `node packages/model/scripts/build-kernel.mjs [output.wasm]`.
// Without an argument it rewrites the committed src/kernel.wasm. The compiler is deterministic; src/kernel.test.ts holds the file to that.
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const folder = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Compiles the kernel and returns the bytes of the module. The compiler prints its own diagnostics.
 * @public The test that the committed kernel is this source's imports it by a computed path.
 */
export async function compileKernel() {
  let binary;
  const options = [
    "--enable",
    "simd",
    "-O3",
    "--runtime",
    "stub",
    "--noAssert",
    "--use",
    "abort=",
    "--initialMemory",
    "1",
    "--baseDir",
    join(folder, "kernel"),
  ];
  const { error } = await asc.main(["kernel.as.ts", "--outFile", "kernel.wasm", ...options], {
    writeFile: (name, contents) => {
      if (name === "kernel.wasm") binary = contents;
    },
  });
  if (error || !binary) throw new Error("The kernel does not compile.", { cause: error });
  return binary;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const output = process.argv[2] ?? join(folder, "src", "kernel.wasm");
  const binary = await compileKernel();
  writeFileSync(output, binary);
  process.stdout.write(`${output}: ${binary.length} bytes\n`);
}
