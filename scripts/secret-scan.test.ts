import { describe, expect, test } from "vitest";
import { parseAllowList, secretsIn } from "./secret-scan.ts";

const nothingAllowed = () => parseAllowList("");
const scan = (text: string, path = "src/file.ts") => secretsIn({ path, text }, nothingAllowed());

// Put together at run time: written out, each would be found in this very file.
const repeated = (characters: string, length: number) => characters.repeat(Math.ceil(length / characters.length)).slice(0, length);
const assigned = (name: string, text: string) => `${name} = ${JSON.stringify(text)}`;
const random = repeated("9fK2mX7qLw4ZtR8vB1nYc6HdJ3sPgE5a", 40);

describe("the secret scan finds", () => {
  test.each([
    ["a Weir API key", `wk_eu_${repeated("a1b2c3", 26)}_${repeated("d4e5f6", 26)}_${repeated("g7h8j9", 39)}`],
    ["an operator key", `wk_us_operator_${repeated("d4e5f6", 26)}_${repeated("g7h8j9", 39)}`],
    ["a private key", ["-----BEGIN", "PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw"].join(" ")],
    ["an AWS access key", `AKIA${repeated("Q3EG7ZP2", 16)}`],
    ["an OpenAI key", `sk-proj-${random}`],
    ["an Anthropic key", `sk-ant-${random}`],
    ["a GitHub token", `ghp_${random.slice(0, 36)}`],
    ["a Cloudflare token", ["CLOUDFLARE_API_TOKEN", random].join("=")],
    ["a random value under a secret's name", assigned("const clientSecret", random)],
    ["the same in JSON", JSON.stringify({ api_key: random })],
  ])("%s", (_, text) => {
    expect(scan(`first line\n${text}\n`)[0]).toMatchObject({ path: "src/file.ts", line: 2 });
  });
});

describe("the secret scan passes over", () => {
  test.each([
    ["the shape of a key in a text", "A key looks like wk_<cell>_<tenant>_<id>_<secret>."],
    ["a name without a value", "const token = readToken(request.headers);"],
    ["words under a secret's name", `const secretName = "the-name-of-a-secret-in-words";`],
    ["a placeholder", `OPERATOR_KEY = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"`],
  ])("%s", (_, text) => {
    expect(scan(text)).toEqual([]);
  });
});

test("a finding does not repeat the secret", () => {
  expect(JSON.stringify(scan(assigned("apiKey", random)))).not.toContain(random);
});

test("an entry of the allow list covers one text in one file, and one that covers nothing is reported", () => {
  const text = assigned("apiKey", random);
  const fingerprint = /: ([0-9a-f]{16}) /.exec(scan(text)[0]?.message ?? "")?.[1] ?? "";
  const list = parseAllowList(`# why\n${fingerprint} src/file.ts made up for a test\n${fingerprint} src/gone.ts no longer there\n`);
  expect(secretsIn({ path: "src/file.ts", text }, list)).toEqual([]);
  expect(secretsIn({ path: "src/other.ts", text }, list)).toHaveLength(1);
  expect(list.unused()).toMatchObject([{ path: "src/gone.ts", line: 3 }]);
});
