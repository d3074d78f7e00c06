import { createServer, type RequestListener, type Server } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { allowedUrl, egress } from "./egress.ts";

const PRODUCTION = { ENVIRONMENT: "production" as const };

describe("egress refuses", () => {
  test.each([
    ["plain http", "http://api.example.com/v1"],
    ["a data URL", "data:text/plain,hello"],
    ["a file", "file:///etc/passwd"],
    ["a script", "javascript:alert(1)"],
    ["a socket", "wss://api.example.com"],
    ["what is no URL", "api.example.com/v1"],
    ["nothing", ""],
    ["the metadata address", "https://169.254.169.254/latest/meta-data"],
    ["the metadata address in hexadecimal", "https://0xa9fea9fe/"],
    ["the metadata address in decimal", "https://2852039166/"],
    ["the metadata name", "https://metadata.google.internal/"],
    ["loopback", "https://127.0.0.1/"],
    ["loopback in short", "https://127.1/"],
    ["loopback in octal", "https://0177.0.0.1/"],
    ["loopback in hexadecimal", "https://0x7f.0.0.1/"],
    ["loopback in decimal", "https://2130706433/"],
    ["loopback in wide digits", "https://１２７.０.０.１/"],
    ["loopback with a dot behind", "https://127.0.0.1./"],
    ["loopback percent-encoded", "https://%31%32%37.0.0.1/"],
    ["any address", "https://0/"],
    ["a public address", "https://8.8.8.8/"],
    ["IPv6 loopback", "https://[::1]/"],
    ["IPv6 loopback in long", "https://[0:0:0:0:0:0:0:1]/"],
    ["IPv4 within IPv6", "https://[::ffff:127.0.0.1]/"],
    ["IPv6 link-local", "https://[fe80::1]/"],
    ["localhost", "https://localhost/"],
    ["localhost in capitals", "https://LOCALHOST/"],
    ["localhost with a dot behind", "https://localhost./"],
    ["localhost with two dots behind", "https://localhost../"],
    ["a name under localhost", "https://foo.localhost/"],
    ["a name of the local link", "https://foo.local/"],
    ["a name of the local link with a dot behind", "https://foo.local./"],
    ["a name without a dot", "https://intranet/"],
    ["an internal name", "https://vault.corp.internal/"],
    ["a home's name", "https://router.home.arpa/"],
    ["a home's domain", "https://home.arpa/"],
    ["a name that resolves to loopback", "https://localtest.me/"],
    ["a name below one that resolves to loopback", "https://x.localtest.me/"],
    ["a name that resolves to the address in it", "https://127.0.0.1.nip.io/"],
    ["credentials", "https://user:secret@api.example.com/"],
    ["a user name", "https://user@api.example.com/"],
    ["a host behind credentials", "https://api.example.com@127.0.0.1/"],
  ])("%s: %s", (_, url) => {
    expect(() => allowedUrl(PRODUCTION, url)).toThrow(expect.objectContaining({ code: "egress_refused" }));
  });

  test("without repeating the URL, which may hold a secret", () => {
    expect(() => allowedUrl(PRODUCTION, "https://user:hunter2@api.example.com/?key=hunter2")).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("hunter2") }),
    );
  });
});

test.each([
  "https://api.example.com/v1",
  "https://api.example.com:8443/v1?x=1",
  "https://localhost.example.com/",
  "https://xn--bcher-kva.example/",
])("egress lets pass what is public: %s", (url) => {
  expect(allowedUrl(PRODUCTION, url).href).toBe(url);
});

describe("the operator's list of origins on this machine", () => {
  const listed = { EGRESS_ALLOW: "http://127.0.0.1:9000,http://localhost:9001" };

  test("opens those origins in local use", () => {
    expect(allowedUrl({ ENVIRONMENT: "local", ...listed }, "http://127.0.0.1:9000/v1").port).toBe("9000");
    expect(allowedUrl({ ENVIRONMENT: "local", ...listed }, "http://localhost:9001/v1").port).toBe("9001");
  });

  test.each(["http://127.0.0.1:9002/", "http://127.0.0.1/", "https://127.0.0.1:9000/", "http://127.0.0.1.example.com:9000/"])(
    "opens no other: %s",
    (url) => {
      expect(() => allowedUrl({ ENVIRONMENT: "local", ...listed }, url)).toThrow(expect.objectContaining({ code: "egress_refused" }));
    },
  );

  test("opens nothing in production", () => {
    expect(() => allowedUrl({ ENVIRONMENT: "production", ...listed }, "http://127.0.0.1:9000/")).toThrow("may not be called");
  });

  test("opens nothing when it is absent", () => {
    expect(() => allowedUrl({ ENVIRONMENT: "local" }, "http://127.0.0.1:9000/")).toThrow("may not be called");
  });
});

describe("a call", () => {
  let upstream: Server;
  let origin: string;
  const asked: string[] = [];
  const answers: Record<string, RequestListener> = {
    "/fine": (_, response) => response.end("fine"),
    "/failed": (_, response) => response.writeHead(500).end("failed"),
    "/redirect": (_, response) => response.writeHead(302, { location: `${origin}/secret` }).end(),
    "/redirect-308": (_, response) => response.writeHead(308, { location: "/secret" }).end(),
    "/secret": (_, response) => response.end("secret"),
    "/silent": () => undefined,
  };
  const env = () => ({ ENVIRONMENT: "local" as const, EGRESS_ALLOW: origin });
  const ask = (path: string, init: RequestInit = {}, timeoutMs = 5_000) => egress(env(), origin + path, init, { timeoutMs });

  beforeAll(async () => {
    upstream = createServer((request, response) => {
      asked.push(request.url ?? "");
      answers[request.url ?? ""]?.(request, response);
    });
    await new Promise<void>((resolve) => {
      upstream.listen(0, "127.0.0.1", resolve);
    });
    const address = upstream.address();
    if (address === null || typeof address === "string") throw new Error("The upstream has no port");
    origin = `http://127.0.0.1:${address.port}`;
  });
  afterAll(() => {
    upstream.closeAllConnections();
    upstream.close();
  });

  test("answers what the upstream answers, failures too", async () => {
    expect(await (await ask("/fine")).text()).toBe("fine");
    expect((await ask("/failed")).status).toBe(500);
  });

  test.each(["/redirect", "/redirect-308"])("does not follow a redirect to loopback, even when asked to: %s", async (path) => {
    await expect(ask(path, { redirect: "follow" })).rejects.toMatchObject({ code: "upstream_failed" });
    expect(asked).not.toContain("/secret");
  });

  test("ends when the upstream says nothing in time", async () => {
    await expect(ask("/silent", {}, 50)).rejects.toMatchObject({ code: "upstream_timeout" });
  });

  test("ends when its caller goes away", async () => {
    const abort = new AbortController();
    const call = ask("/silent", { signal: abort.signal });
    abort.abort(new Error("The client is gone"));
    await expect(call).rejects.toThrow("The client is gone");
  });

  test("that reaches nobody is the provider's failure", async () => {
    const closed = "http://127.0.0.1:1";
    const call = egress({ ENVIRONMENT: "local", EGRESS_ALLOW: closed }, closed, {}, { timeoutMs: 1_000 });
    await expect(call).rejects.toMatchObject({ code: "upstream_failed" });
  });

  test("that is refused sends nothing", async () => {
    const before = asked.length;
    await expect(egress(PRODUCTION, `${origin}/fine`, {}, { timeoutMs: 1_000 })).rejects.toMatchObject({ code: "egress_refused" });
    expect(asked).toHaveLength(before);
  });
});
