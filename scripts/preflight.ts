import { z } from "zod";
import { type Runner, type RunResult, said } from "./run.ts";
import { deployedName, environmentOf, type WranglerFile, wranglerPath } from "./wrangler-files.ts";

/** What a cell's workers bind to, read from their wrangler files, so that this list cannot fall behind them. */
export interface CellResources {
  databases: string[];
  buckets: string[];
  queues: string[];
}

export function resourcesOf(files: readonly WranglerFile[], env: string): CellResources {
  const environments = files.map((file) => environmentOf(file, env));
  return {
    databases: unique(environments.flatMap((each) => each.d1_databases.map((database) => database.database_name))),
    buckets: unique(environments.flatMap((each) => each.r2_buckets.map((bucket) => bucket.bucket_name))),
    queues: unique(
      environments.flatMap(({ queues }) => [
        ...queues.producers.map((producer) => producer.queue),
        ...queues.consumers.flatMap((consumer) =>
          consumer.dead_letter_queue ? [consumer.queue, consumer.dead_letter_queue] : [consumer.queue],
        ),
      ]),
    ),
  };
}

/** The state of one store, as the account tells it. */
export type Found =
  | { state: "ready" }
  | { state: "missing"; create: string }
  | { state: "elsewhere"; jurisdiction: string }
  | { state: "unknown"; reason: string };

export interface Preflight {
  problems: string[];
  /** Commands that make what is missing, in order. */
  commands: string[];
  /** Queues and the workers that consume them: a worker consumes its inbox from its first deployment on. */
  consumers: Map<string, string[]>;
}

/** Asks the account whether every store of the cell exists in the cell's jurisdiction. Changes nothing. */
export async function preflight(resources: CellResources, jurisdiction: string, account: Runner): Promise<Preflight> {
  // Wrangler reads the gateway's file when none is named, and warns that it has several environments.
  const named = ["--config", wranglerPath("billing"), "--env", `${jurisdiction}-production`];
  const runner: Runner = (command) => account([...command, ...named]);
  const result: Preflight = { problems: [], commands: [], consumers: new Map() };
  const note = (what: string, found: Found) => {
    if (found.state === "missing") {
      result.problems.push(`${what} does not exist`);
      result.commands.push(found.create);
    }
    if (found.state === "unknown") result.problems.push(`${what}: ${found.reason}`);
    if (found.state === "elsewhere") {
      // A jurisdiction is given at creation and never changes.
      result.problems.push(`${what} exists in jurisdiction ${found.jurisdiction}, not ${jurisdiction}: move it away and create it anew`);
    }
  };
  for (const name of resources.databases) note(`D1 database ${name}`, await findDatabase(name, jurisdiction, runner));
  for (const name of resources.buckets) note(`R2 bucket ${name}`, await findBucket(name, jurisdiction, runner));
  for (const name of resources.queues) {
    const queue = await findQueue(name, jurisdiction, runner);
    note(`queue ${name}`, queue.found);
    result.consumers.set(name, queue.consumers);
  }
  return result;
}

const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue("not JSON");
    return z.NEVER;
  }
});
const databaseInfo = json.pipe(z.object({ jurisdiction: z.string().nullish() }));

async function findDatabase(name: string, jurisdiction: string, runner: Runner): Promise<Found> {
  const answer = await runner(["wrangler", "d1", "info", name, "--json"]);
  if (answer.code !== 0) return missingOr(answer, `wrangler d1 create ${name} --jurisdiction=${jurisdiction}`);
  const info = databaseInfo.safeParse(answer.stdout);
  if (!info.success) return { state: "unknown", reason: `wrangler's answer is not what it was in 4.164:\n${answer.stdout}` };
  return inJurisdiction(info.data.jurisdiction ?? "none", jurisdiction);
}

/** Buckets of each jurisdiction are a namespace of their own: one that is found there is there. */
async function findBucket(name: string, jurisdiction: string, runner: Runner): Promise<Found> {
  const answer = await runner(["wrangler", "r2", "bucket", "info", name, "--jurisdiction", jurisdiction, "--json"]);
  return answer.code === 0 ? { state: "ready" } : missingOr(answer, `wrangler r2 bucket create ${name} --jurisdiction=${jurisdiction}`);
}

async function findQueue(name: string, jurisdiction: string, runner: Runner): Promise<{ found: Found; consumers: string[] }> {
  const answer = await runner(["wrangler", "queues", "info", name]);
  if (answer.code !== 0)
    return { found: missingOr(answer, `wrangler queues create ${name} --jurisdiction=${jurisdiction}`), consumers: [] };
  const real = /^Jurisdiction: (\S+)$/m.exec(answer.stdout)?.[1] ?? "none";
  const consumers = [...(/^Consumers: (.*)$/m.exec(answer.stdout)?.[1] ?? "").matchAll(/worker:([\w-]+)/g)].map((match) => match[1] ?? "");
  return { found: inJurisdiction(real, jurisdiction), consumers };
}

function inJurisdiction(real: string, wanted: string): Found {
  return real === wanted ? { state: "ready" } : { state: "elsewhere", jurisdiction: real };
}

/** Only a clear "not found" counts as missing; being offline or logged out must not lead to a second database. */
function missingOr(answer: RunResult, create: string): Found {
  const text = said(answer);
  if (/not found|couldn't find|does not exist/i.test(text)) return { state: "missing", create };
  return { state: "unknown", reason: `wrangler could not tell. It said:\n${text}` };
}

export const CELL_SECRETS = ["CELL_KEY", "OPERATOR_KEY_HASH"] as const;

const secretList = json.pipe(z.array(z.object({ name: z.string() })));

/** Names of a worker's secrets; none for a worker that does not exist yet. */
export async function secretsOf(file: WranglerFile, env: string, runner: Runner): Promise<Set<string>> {
  const answer = await runner(["wrangler", "secret", "list", "--config", file.path, "--env", env, "--format", "json"]);
  if (answer.code === 0) return new Set(secretList.parse(answer.stdout).map((secret) => secret.name));
  if (/not found/i.test(said(answer))) return new Set();
  throw new Error(`Could not list the secrets of ${deployedName(file, env)}. wrangler said:\n${said(answer)}`);
}

function unique(names: string[]): string[] {
  return [...new Set(names)].sort();
}
