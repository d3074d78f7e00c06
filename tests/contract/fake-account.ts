import type { Runner } from "../../scripts/run.ts";

interface Account {
  /** Name to jurisdiction. */
  databases: Map<string, string>;
  buckets: Map<string, string>;
  queues: Map<string, { jurisdiction: string; consumer?: string }>;
  /** Deployed name to the names of its secrets; a worker that is absent does not exist. */
  secrets: Map<string, Map<string, string>>;
}

/** A Cloudflare account as far as wrangler shows it to our scripts. Keeps every command it was given. */
export function fakeAccount(account: Partial<Account> = {}, refuse: (command: string) => boolean = () => false) {
  const state: Account = { databases: new Map(), buckets: new Map(), queues: new Map(), secrets: new Map(), ...account };
  const commands: string[] = [];
  const run: Runner = (command, options) => {
    const line = command.join(" ");
    commands.push(line);
    return Promise.resolve(refuse(line) ? no("Authentication error [code: 10000]") : answer(state, command, options?.input ?? ""));
  };
  return { run, commands, state };
}

function answer(state: Account, command: readonly string[], input: string): Awaited<ReturnType<Runner>> {
  const [, ...words] = command;
  const is = (...start: string[]) => start.every((word, index) => words[index] === word);
  if (is("d1", "info")) {
    const jurisdiction = state.databases.get(words[2] ?? "");
    return jurisdiction === undefined
      ? no(`Couldn't find a D1 DB named '${words[2]}'`)
      : yes(JSON.stringify({ uuid: "x", jurisdiction: jurisdiction === "none" ? null : jurisdiction }));
  }
  if (is("r2", "bucket", "info")) {
    const asked = flag(words, "--jurisdiction");
    return state.buckets.get(words[3] ?? "") === asked ? yes("{}") : no("The specified bucket does not exist. [code: 10006]");
  }
  if (is("queues", "info")) {
    const queue = state.queues.get(words[2] ?? "");
    if (!queue) return no(`Queue "${words[2]}" does not exist.`);
    const consumers = queue.consumer ? `Number of Consumers: 1\nConsumers: worker:${queue.consumer}` : "Number of Consumers: 0";
    return yes(`Queue Name: ${words[2]}\n${queue.jurisdiction === "none" ? "" : `Jurisdiction: ${queue.jurisdiction}\n`}${consumers}`);
  }
  if (is("secret")) return secret(state, words, input);
  return yes("");
}

function secret(state: Account, words: readonly string[], input: string): Awaited<ReturnType<Runner>> {
  const worker = /workers\/(\w+)\//.exec(flag(words, "--config") ?? "")?.[1];
  const name = `weir-${worker}-${flag(words, "--env")}`;
  const secrets = state.secrets.get(name);
  if (words[1] === "list") {
    return secrets
      ? yes(JSON.stringify([...secrets.keys()].map((key) => ({ name: key, type: "secret_text" }))))
      : no(`Worker "${name}" not found.`);
  }
  const [, , key = ""] = words;
  if (words[1] === "put") state.secrets.set(name, new Map([...(secrets ?? []), [key, input]]));
  if (words[1] === "delete") secrets?.delete(key);
  return yes("");
}

function flag(words: readonly string[], name: string): string | undefined {
  return words[words.indexOf(name) + 1];
}

const yes = (stdout: string) => ({ code: 0, stdout, stderr: "" });
const no = (stderr: string) => ({ code: 1, stdout: "", stderr: `✘ [ERROR] ${stderr}` });
