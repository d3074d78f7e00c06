import { describe, expect, test } from "vitest";
import { hashKey, OPERATOR, parseKey } from "@weir/domain/keys";
import { bootstrap } from "../../scripts/bootstrap.ts";
import { CELL_WORKERS } from "../../scripts/wrangler-files.ts";
import { fakeAccount } from "./fake-account.ts";

async function bootstrapOn(account: ReturnType<typeof fakeAccount>, ...args: string[]) {
  const lines: string[] = [];
  const code = await bootstrap(args, account.run, (line) => lines.push(line));
  return { code, output: lines.join("\n"), key: lines.find((line) => line.startsWith("wk_")) ?? "" };
}

function secretsOf(account: ReturnType<typeof fakeAccount>, name: string, cell = "eu"): (string | undefined)[] {
  return CELL_WORKERS.map((worker) => account.state.secrets.get(`weir-${worker}-${cell}-production`)?.get(name));
}

describe("bootstrap", () => {
  test("gives all workers of a cell one root key and the hash of an operator key that is shown once", async () => {
    const account = fakeAccount();
    const { code, output, key } = await bootstrapOn(account, "--cell", "eu");
    expect(code).toBe(0);
    expect(parseKey(key)).toMatchObject({ cell: "eu", tenant: OPERATOR });
    expect(output.split(key)).toHaveLength(2);
    expect(new Set(secretsOf(account, "OPERATOR_KEY_HASH"))).toEqual(new Set([await hashKey(key)]));
    const [cellKey, ...others] = new Set(secretsOf(account, "CELL_KEY"));
    expect(others).toEqual([]);
    expect(Buffer.from(cellKey ?? "", "base64")).toHaveLength(32);
  });

  test("passes no secret as an argument, and shows no root key", async () => {
    const account = fakeAccount();
    const { key, output } = await bootstrapOn(account, "--cell", "eu");
    const [cellKey = ""] = secretsOf(account, "CELL_KEY");
    const commands = account.commands.join("\n");
    for (const secret of [key, await hashKey(key), cellKey]) expect(commands).not.toContain(secret);
    expect(output).not.toContain(cellKey);
  });

  test("refuses a second run and changes nothing", async () => {
    const account = fakeAccount();
    await bootstrapOn(account, "--cell", "eu");
    const before = structuredClone(account.state.secrets);
    const { code, output, key } = await bootstrapOn(account, "--cell", "eu");
    expect([code, key]).toEqual([1, ""]);
    expect(output).toContain("--rotate");
    expect(account.state.secrets).toEqual(before);
  });

  test("--rotate replaces the operator key and leaves the root key", async () => {
    const account = fakeAccount();
    const first = await bootstrapOn(account, "--cell", "eu");
    const roots = secretsOf(account, "CELL_KEY");
    const second = await bootstrapOn(account, "--cell", "eu", "--rotate");
    expect(second.code).toBe(0);
    expect(second.key).not.toBe(first.key);
    expect(new Set(secretsOf(account, "OPERATOR_KEY_HASH"))).toEqual(new Set([await hashKey(second.key)]));
    expect(secretsOf(account, "CELL_KEY")).toEqual(roots);
  });

  test("--rotate is refused on a cell that has no keys yet", async () => {
    const account = fakeAccount();
    const { code } = await bootstrapOn(account, "--cell", "eu", "--rotate");
    expect(code).toBe(1);
    expect(account.commands.some((line) => line.includes("secret put"))).toBe(false);
  });

  test("a first run that breaks off takes back what it stored, so that it can be repeated", async () => {
    const breaks = fakeAccount({}, (line) => line.includes("secret put CELL_KEY") && line.includes("privacy"));
    const { code, key } = await bootstrapOn(breaks, "--cell", "eu");
    expect([code, key]).toEqual([1, ""]);
    expect([...secretsOf(breaks, "CELL_KEY"), ...secretsOf(breaks, "OPERATOR_KEY_HASH")].filter(Boolean)).toEqual([]);
    expect((await bootstrapOn(fakeAccount({ secrets: breaks.state.secrets }), "--cell", "eu")).code).toBe(0);
  });

  test("of one cell leaves the other alone", async () => {
    const account = fakeAccount();
    await bootstrapOn(account, "--cell", "us");
    expect(secretsOf(account, "CELL_KEY", "eu").filter(Boolean)).toEqual([]);
    expect(account.commands.filter((line) => line.includes("eu-production"))).toEqual([]);
  });

  test.each([[[]], [["--cell", "mars"]], [["--rotate"]]])("refuses %j", async (args) => {
    expect((await bootstrapOn(fakeAccount(), ...args)).code).toBe(2);
  });
});
