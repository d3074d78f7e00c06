import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CELLS } from "@weir/domain/cells";
import { ROOT } from "../../scripts/run.ts";
import {
  bindingNames,
  CELL_WORKERS,
  deployedName,
  environmentOf,
  GATEWAY,
  readCellFiles,
  readWranglerFile,
} from "../../scripts/wrangler-files.ts";
import { envMembers } from "./env-interface.ts";

const CELL_ENVS = CELLS.flatMap((cell) => [cell, `${cell}-production`]);
/** Bound in production only: Workers AI has no stand-in on a developer's machine. */
const PRODUCTION_ONLY = new Set(["AI"]);
/** Set by `wrangler secret`, never in a file. */
const SECRETS = ["CELL_KEY", "OPERATOR_KEY_HASH"];
/** Variables that whoever runs the stack may add: a developer `EGRESS_ALLOW`, an operator `CELL_HOSTS`. */
const SETTINGS = ["EGRESS_ALLOW", "CELL_HOSTS", "LOG_HOST"];

const cellFiles = await readCellFiles();
const gateway = await readWranglerFile(GATEWAY);
const allFiles = [gateway, ...cellFiles];
const cellEnvironments = cellFiles.flatMap((file) =>
  CELL_ENVS.map((env) => ({ worker: file.worker, file, env, at: environmentOf(file, env) })),
);

describe("every wrangler file", () => {
  test("has the same compatibility date", () => {
    expect(new Set(allFiles.map((file) => file.compatibility_date)).size).toBe(1);
  });

  test("binds nothing at the top level, where no environment would inherit it", () => {
    // `migrations` names classes, not stores, and is inherited, as the compatibility settings are.
    const harmless = new Set([
      "name",
      "main",
      "compatibility_date",
      "compatibility_flags",
      "workers_dev",
      "preview_urls",
      "send_metrics",
      "migrations",
      "env",
    ]);
    for (const file of allFiles)
      expect(
        Object.keys(file.raw).filter((key) => !harmless.has(key)),
        file.path,
      ).toEqual([]);
  });

  test("is unreachable but through the gateway", () => {
    for (const file of allFiles) expect([file.path, file.raw["workers_dev"], file.raw["preview_urls"]]).toEqual([file.path, false, false]);
    for (const { file, at } of cellEnvironments) expect([at.routes, at.route], file.path).toEqual([undefined, undefined]);
  });

  test("has exactly its environments", () => {
    expect(Object.keys(gateway.env).sort()).toEqual(["local", "production"]);
    for (const file of cellFiles) expect(Object.keys(file.env).sort(), file.path).toEqual([...CELL_ENVS].sort());
  });
});

describe.each(cellEnvironments)("$worker in $env", ({ file, env, at }) => {
  const cell = env.replace("-production", "");
  const suffix = `-${env}`;

  test("knows its own cell and environment", () => {
    expect(at.vars).toMatchObject({ CELL: cell, ENVIRONMENT: env === cell ? "local" : "production" });
  });

  test("has the same bindings as in every other environment", () => {
    const here = bindingNames(at).filter((name) => !PRODUCTION_ONLY.has(name));
    expect(here).toEqual(bindingNames(environmentOf(file, "eu")).filter((name) => !PRODUCTION_ONLY.has(name)));
    const forbidden = env === cell ? bindingNames(at).filter((name) => PRODUCTION_ONLY.has(name)) : [];
    expect(forbidden).toEqual([]);
  });

  test("names only stores, queues and workers of its own cell and environment", () => {
    const names = [
      ...at.d1_databases.map((database) => database.database_name),
      ...at.r2_buckets.map((bucket) => bucket.bucket_name),
      ...at.durable_objects.bindings.flatMap((object) => object.script_name ?? []),
      ...at.services.map((target) => target.service),
      ...at.queues.producers.map((producer) => producer.queue),
      ...at.queues.consumers.flatMap((consumer) => [consumer.queue, consumer.dead_letter_queue ?? consumer.queue]),
    ];
    expect(names.filter((name) => !name.endsWith(suffix))).toEqual([]);
    // And no cell names another, wherever in the name.
    const others = CELLS.filter((other) => other !== cell);
    expect(names.filter((name) => others.some((other) => name.split("-").includes(other)))).toEqual([]);
  });

  test("states the jurisdiction of its buckets in production", () => {
    for (const bucket of at.r2_buckets) expect(bucket.jurisdiction).toBe(env === cell ? undefined : cell);
  });

  test("binds only workers and objects that exist", async () => {
    const deployed = new Map(cellFiles.map((target) => [deployedName(target, env), target]));
    for (const target of at.services) {
      const owner = deployed.get(target.service);
      expect(owner, `service ${target.service}`).toBeDefined();
      const wanted = target.entrypoint ?? "default";
      expect(owner ? await exportsOf(owner.worker) : [], `${target.service} exports ${wanted}`).toContain(wanted);
    }
    for (const object of at.durable_objects.bindings) {
      const owner = object.script_name === undefined ? file : deployed.get(object.script_name);
      expect(
        JSON.stringify(owner?.raw["migrations"] ?? []),
        `${object.class_name} is a class of ${object.script_name ?? file.worker}`,
      ).toContain(`"${object.class_name}"`);
    }
  });

  test("consumes its own inbox and that inbox's dead letters, and can send to every inbox", () => {
    const inbox = `weir-${file.worker}${suffix}`;
    const dead = `weir-${file.worker}-dead${suffix}`;
    expect(at.queues.consumers.map((consumer) => [consumer.queue, consumer.dead_letter_queue])).toEqual([
      [inbox, dead],
      [dead, undefined],
    ]);
    const inboxes = CELL_WORKERS.map((worker) => ({ binding: `INBOX_${worker.toUpperCase()}`, queue: `weir-${worker}${suffix}` }));
    expect(at.queues.producers).toEqual(inboxes);
  });

  test("shares the cell's one database", () => {
    const [database, ...others] = at.d1_databases;
    expect(others).toEqual([]);
    expect(database).toMatchObject({ binding: "DB", database_name: `weir${suffix}`, migrations_dir: "../../migrations" });
    expect(database).toEqual(environmentOf(cellFiles[0] ?? file, env).d1_databases[0]);
  });
});

describe("the gateway", () => {
  test.each(["local", "production"])("binds every worker of every cell in %s, and no store", (env) => {
    const at = environmentOf(gateway, env);
    const suffix = env === "local" ? "" : "-production";
    const wanted = CELLS.flatMap((cell) =>
      CELL_WORKERS.map((worker) => ({ binding: `${cell}_${worker}`.toUpperCase(), service: `weir-${worker}-${cell}${suffix}` })),
    );
    expect(at.services).toEqual(wanted);
    expect([at.d1_databases, at.r2_buckets, at.durable_objects.bindings, at.queues.producers]).toEqual([[], [], [], []]);
    expect(bindingNames(at)).toEqual(bindingNames(environmentOf(gateway, "local")));
  });
});

describe.each(allFiles.map((file) => ({ worker: file.worker, file })))("env.ts of $worker", ({ worker, file }) => {
  const path = `workers/${worker}/src/env.ts`;

  test("names each binding, and no other", async () => {
    expect(existsSync(join(ROOT, path)), `${path} is not written yet`).toBe(true);
    const members = await envMembers(worker);
    const names = new Set(members.map((member) => member.name));
    const everywhere = Object.values(file.env).map(bindingNames);
    for (const bound of everywhere)
      expect(
        bound.filter((name) => !names.has(name)),
        `bound in ${file.path}, absent from ${path}`,
      ).toEqual([]);
    const unbound = members.filter((member) => !everywhere.some((bound) => bound.includes(member.name))).map((member) => member.name);
    expect(
      unbound.filter((name) => ![...SECRETS, ...SETTINGS].includes(name)),
      `in ${path}, bound nowhere`,
    ).toEqual([]);
  });

  test("marks as optional what some environment lacks, and nothing else", async () => {
    expect(existsSync(join(ROOT, path)), `${path} is not written yet`).toBe(true);
    const everywhere = Object.values(file.env).map(bindingNames);
    const always = (name: string) => SECRETS.includes(name) || everywhere.every((bound) => bound.includes(name));
    for (const member of await envMembers(worker)) expect([member.name, member.optional]).toEqual([member.name, !always(member.name)]);
  });
});

/** Names that a worker's entry point exports. */
async function exportsOf(worker: string): Promise<string[]> {
  const text = await readFile(join(ROOT, `workers/${worker}/src/index.ts`), "utf8");
  const direct = [...text.matchAll(/export (?:class|const|function) (\w+)/g)].map((match) => match[1] ?? "");
  const listed = [...text.matchAll(/export \{([^}]*)\}/g)].flatMap((match) =>
    (match[1] ?? "").split(",").map((name) => name.trim().split(" as ").at(-1) ?? ""),
  );
  return ["default", ...direct, ...listed];
}
