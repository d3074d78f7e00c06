/**
 * `npm start`: boots gateway and cells, seeds a demo tenant, sends one real request through the whole chain, tells what it did,
 * and stays up. `-- --once` ends after the story, `-- --reset` begins anew. State in WEIR_STATE (.weir), port in WEIR_PORT (8787).
 */
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { seedDemo } from "../packages/cli/src/demo.ts";
import { LocalState, operatorKeys, portOf, requireFreePort, StartError, type DevJson } from "../packages/cli/src/local-state.ts";
import { bootStack, ROOT, type Stack } from "../packages/cli/src/stack.ts";
import { tellStory } from "../packages/cli/src/story.ts";

const SWEEP_EVERY_MS = 60_000;
const STOP_PATIENCE_MS = 5_000;

async function main(): Promise<void> {
  const options = readOptions();
  const state = new LocalState(resolve(ROOT, process.env["WEIR_STATE"] ?? ".weir"));
  const port = portOf(process.env["WEIR_PORT"]);
  await state.open({ reset: options.reset });
  let stack: Stack | undefined;
  let stopping = false;
  const stop = async (code: number) => {
    // The terminal and the launcher both pass a Ctrl-C on: it comes twice.
    if (stopping) return;
    stopping = true;
    // Ctrl-C reaches workerd as well: it may be gone already, which is no failure.
    await Promise.race([stack?.stop().catch(() => undefined), sleep(STOP_PATIENCE_MS)]);
    process.exit(code);
  };
  process.on("exit", () => state.close());
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void stop(0));
  try {
    await requireFreePort(port);
    const started = performance.now();
    const secrets = await state.secrets();
    const log = (line: string) => {
      // NOSENTRY: workerd talking to itself about alarms that were moved.
      if (!stopping && !line.includes("NOSENTRY")) console.error(`  [worker] ${line}`);
    };
    stack = await bootStack({ secrets: secrets.cells, state: join(state.folder, "stack"), port, onLog: log });
    console.log(
      `Weir is up at ${stack.url}: the gateway and the cells eu and us, booted in ${Math.round(performance.now() - started)} ms.`,
    );
    const known = await state.devJson();
    const demo = known?.demo ?? (await seedDemo(stack.url, secrets.cells.eu.operator_key));
    const dev: DevJson = { url: stack.url, cells: operatorKeys(secrets), demo };
    const devPath = await state.writeDevJson(dev);
    await tellStory(stack.url, demo, (line) => console.log(line));
    if (options.once) return await stop(0);
    tellAddresses(dev, devPath);
    const sweeping = stack;
    setInterval(() => void sweeping.sweep().catch(() => undefined), SWEEP_EVERY_MS);
  } catch (error) {
    console.error(error instanceof StartError ? `\n${error.message}` : error);
    await stop(1);
  }
}

function readOptions(): { once: boolean; reset: boolean } {
  try {
    const { values } = parseArgs({ options: { once: { type: "boolean" }, reset: { type: "boolean" } } });
    return { once: values.once ?? false, reset: values.reset ?? false };
  } catch (error) {
    throw new StartError(
      `${error instanceof Error ? error.message : "Unknown option"}\nnpm start -- --once ends after the story, npm start -- --reset begins anew.`,
    );
  }
}

function tellAddresses({ url, cells, demo }: DevJson, devPath: string): void {
  console.log(`
Addresses
  ${url}/v1                the OpenAI-compatible API: set a client's base URL to it
  ${url}/openapi.json      every call
  ${url}/health            readiness
  ${devPath}   keys of this machine, for scripts

Try
  curl ${url}/v1/chat/completions -H 'authorization: Bearer ${demo.api_key}' -H 'content-type: application/json' \\
    -d '{"model":"chat","messages":[{"role":"user","content":"I want a refund for order KX-5521"}]}'

  curl ${url}/privacy/v1/residency/preview -H 'authorization: Bearer ${demo.api_key}' -H 'content-type: application/json' \\
    -d '{"model":"chat","country":"us"}'

  curl -X POST ${url}/billing/v1/tenants -H 'authorization: Bearer ${cells.us.operator_key}' -H 'content-type: application/json' \\
    -d '{"name":"My company, in the us cell"}'

Ctrl-C stops everything; the data stays for the next start.`);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof StartError ? error.message : error);
  process.exitCode = 1;
}
