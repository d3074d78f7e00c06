/** Boots a stack in a process of its own, for tests that kill it: `node stack-process.ts <state> <port> <secrets.json> <egress origin>`. */
import { readFileSync } from "node:fs";
import { bootStack } from "../../packages/cli/src/stack.ts";

const [state = "", port = "", secrets = "", egress = ""] = process.argv.slice(2);
const stack = await bootStack({
  state,
  port: Number(port),
  secrets: JSON.parse(readFileSync(secrets, "utf8")),
  vars: { EGRESS_ALLOW: egress },
});
// Locally crons do not fire by themselves; what a crash left in an outbox is sent by them.
setInterval(() => void stack.sweep().catch(() => undefined), 1_000);
console.log("up");
