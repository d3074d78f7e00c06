/** `npm run bench -- inference`: measures this version of Weir on this machine, beside its peer, and writes docs/benchmarks.md. */
import { inferenceBench } from "./inference/bench.ts";
import { parseOptions, USAGE } from "./options.ts";

const { suite, options } = parseOptions(process.argv.slice(2));
if (suite === "inference") await inferenceBench(options);
else {
  console.error(USAGE);
  process.exitCode = 1;
}
