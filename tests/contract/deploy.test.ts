import { readFile } from "node:fs/promises";
import { parse } from "smol-toml";
import { describe, expect, test } from "vitest";
import { deployOrder, writePartialConfig } from "../../scripts/deploy-order.ts";
import { deploy } from "../../scripts/deploy.ts";
import { CELL_WORKERS, readCellFiles, readWranglerFile } from "../../scripts/wrangler-files.ts";
import { fakeAccount } from "./fake-account.ts";

const ENV = "eu-production";
const deployedWorkers = CELL_WORKERS.map((worker) => `weir-${worker}-${ENV}`);

/** An account in which the cell eu is ready to be deployed; `live` says whether it was deployed before. */
function readyAccount(live: boolean) {
  const secrets = () =>
    new Map([
      ["CELL_KEY", "…"],
      ["OPERATOR_KEY_HASH", "…"],
    ]);
  const queues = CELL_WORKERS.flatMap((worker) => [
    [`weir-${worker}-${ENV}`, { jurisdiction: "eu", ...(live ? { consumer: `weir-${worker}-${ENV}` } : {}) }] as const,
    [`weir-${worker}-dead-${ENV}`, { jurisdiction: "eu" }] as const,
  ]);
  return {
    databases: new Map<string, string>([[`weir-${ENV}`, "eu"]]),
    buckets: new Map([[`weir-${ENV}`, "eu"]]),
    queues: new Map<string, { jurisdiction: string; consumer?: string }>(queues),
    secrets: new Map(deployedWorkers.map((name) => [name, secrets()])),
  };
}

async function deployTo(account: ReturnType<typeof fakeAccount>, ...args: string[]) {
  const lines: string[] = [];
  const code = await deploy(args, account.run, (line) => lines.push(line));
  return { code, output: lines.join("\n"), deployments: account.commands.filter((line) => /wrangler deploy (?!--dry-run)/.test(line)) };
}

describe("a deployment", () => {
  test.each([[[]], [["--cell"]], [["--cell", "mars"]], [["--cell", "eu", "--gateway"]], [["--force"]]])(
    "is refused without exactly one target: %j",
    async (args) => {
      const account = fakeAccount(readyAccount(true));
      const { code, output } = await deployTo(account, ...args);
      expect(code).toBe(2);
      expect(output).toContain("--cell <eu | us>");
      expect(account.commands).toEqual([]);
    },
  );

  test("of a live cell applies migrations, then deploys every worker once and complete", async () => {
    const account = fakeAccount(readyAccount(true));
    const { code, deployments } = await deployTo(account, "--cell", "eu");
    expect(code).toBe(0);
    const deployed = deployments.map((line) => /workers\/(\w+)\/wrangler.toml --env eu-production$/.exec(line)?.[1]);
    expect(new Set(deployed)).toEqual(new Set(CELL_WORKERS));
    expect(deployed).toHaveLength(CELL_WORKERS.length);
    const migrated = account.commands.findIndex((line) => line.includes("d1 migrations apply weir-eu-production --remote"));
    expect(migrated).toBeGreaterThan(-1);
    expect(migrated).toBeLessThan(account.commands.indexOf(deployments[0] ?? ""));
  });

  test("that is the first of a cell deploys inference without the wallet and again, complete, at the end", async () => {
    const { code, output, deployments } = await deployTo(fakeAccount(readyAccount(false)), "--cell", "eu");
    expect(code).toBe(0);
    expect(output).toContain("deploy inference (eu-production), for now without WALLET");
    expect(deployments).toHaveLength(6);
    expect(deployments[0]).toContain("inference.first.toml");
    expect(deployments.at(-1)).toContain("workers/inference/wrangler.toml");
  });

  test("as a dry run asks nothing of an account and deploys nothing", async () => {
    const account = fakeAccount();
    const { code } = await deployTo(account, "--cell", "eu", "--dry-run");
    expect(code).toBe(0);
    expect(account.commands.every((line) => line.startsWith("wrangler deploy --dry-run"))).toBe(true);
  });

  test("of the gateway touches no cell", async () => {
    const { code, deployments } = await deployTo(fakeAccount(), "--gateway");
    expect(code).toBe(0);
    expect(deployments).toEqual(["wrangler deploy --config wrangler.toml --env production"]);
  });

  test("stops before anything is live when a build warns", async () => {
    const account = fakeAccount(readyAccount(true));
    const warns: typeof account.run = async (command, options) =>
      command.includes("--dry-run") && command.some((word) => word.includes("privacy"))
        ? { code: 0, stdout: "", stderr: "▲ [WARNING] no binding DB" }
        : account.run(command, options);
    const { code, deployments, output } = await deployTo({ ...account, run: warns }, "--cell", "eu");
    expect([code, deployments]).toEqual([1, []]);
    expect(output).toContain("no binding DB");
    expect(account.commands.some((line) => line.includes("migrations apply"))).toBe(false);
  });
});

describe("the preflight", () => {
  test("names the command for each thing that is missing, with the cell's jurisdiction", async () => {
    const { code, output, deployments } = await deployTo(fakeAccount({ secrets: readyAccount(true).secrets }), "--cell", "us");
    expect([code, deployments]).toEqual([1, []]);
    expect(output).toContain("npx wrangler d1 create weir-us-production --jurisdiction=us");
    expect(output).toContain("npx wrangler r2 bucket create weir-us-production --jurisdiction=us");
    for (const worker of CELL_WORKERS) {
      expect(output).toContain(`npx wrangler queues create weir-${worker}-us-production --jurisdiction=us`);
      expect(output).toContain(`npx wrangler queues create weir-${worker}-dead-us-production --jurisdiction=us`);
    }
  });

  test.each(["us", "none"])("refuses a database and a queue in jurisdiction %s", async (jurisdiction) => {
    const account = readyAccount(true);
    account.databases.set(`weir-${ENV}`, jurisdiction);
    account.queues.set(`weir-billing-${ENV}`, { jurisdiction });
    const { code, output, deployments } = await deployTo(fakeAccount(account), "--cell", "eu");
    expect([code, deployments]).toEqual([1, []]);
    expect(output).toContain(`D1 database weir-${ENV} exists in jurisdiction ${jurisdiction}, not eu`);
    expect(output).toContain(`queue weir-billing-${ENV} exists in jurisdiction ${jurisdiction}, not eu`);
  });

  test("does not take an account it cannot ask for an empty one", async () => {
    const { code, output, deployments } = await deployTo(
      fakeAccount(readyAccount(true), (line) => line.includes("d1 info")),
      "--cell",
      "eu",
    );
    expect([code, deployments]).toEqual([1, []]);
    expect(output).toContain("Authentication error");
    expect(output).not.toContain("wrangler d1 create");
  });

  test("refuses a cell whose workers lack a secret", async () => {
    const account = readyAccount(true);
    account.secrets.get(`weir-privacy-${ENV}`)?.delete("CELL_KEY");
    const { code, output, deployments } = await deployTo(fakeAccount(account), "--cell", "eu");
    expect([code, deployments]).toEqual([1, []]);
    expect(output).toContain(`weir-privacy-${ENV} lacks CELL_KEY`);
    expect(output).toContain("npm run bootstrap -- --cell eu");
  });
});

describe("the order of deployment", () => {
  test("puts the owner of a Durable Object before everyone who binds it", async () => {
    const files = await readCellFiles();
    for (const given of [files, files.toReversed()]) {
      const order = deployOrder(given, ENV, () => true).map((step) => step.worker);
      expect(order.indexOf("inference")).toBeLessThan(order.indexOf("billing"));
      expect(order.indexOf("inference")).toBeLessThan(order.indexOf("privacy"));
      expect(order.indexOf("compliance")).toBeLessThan(order.indexOf("privacy"));
    }
  });

  test("a partial config lacks the one binding and keeps everything else", async () => {
    const inference = await readWranglerFile("inference");
    const partial = parse(await readFile(await writePartialConfig(inference, ENV, ["WALLET"]), "utf8"));
    const wanted = inference.env[ENV];
    expect(partial).toMatchObject({
      name: inference.name,
      compatibility_date: inference.compatibility_date,
      migrations: inference.raw["migrations"],
      env: {
        [ENV]: {
          vars: wanted?.vars,
          durable_objects: wanted?.durable_objects,
          queues: wanted?.queues,
          services: wanted?.services.filter((target) => target.binding !== "WALLET"),
        },
      },
    });
    expect(JSON.stringify(partial)).not.toContain('"WALLET"');
  });
});
