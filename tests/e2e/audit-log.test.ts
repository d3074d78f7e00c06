import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { verifyEventProof } from "../../packages/domain/src/compliance/event-proof.ts";
import { auditLog } from "../../packages/domain/src/compliance/self-audit.ts";
import { verifyTlogProof } from "../../packages/domain/src/compliance/tlog-proof.ts";
import { logOfTenant } from "../../packages/domain/src/ids.ts";
import { entriesOf } from "../../workers/compliance/src/leaves.ts";
import {
  aControlEvent,
  aTenant,
  aUsage,
  bootAuditStack,
  fileKey,
  isConsistent,
  logReader,
  proofOf,
  publishedCheckpoint,
  singles,
  someEvents,
  type AuditStack,
} from "../support/audit-log.ts";

let audit: AuditStack;
beforeAll(async () => {
  audit = await bootAuditStack();
});
afterAll(() => audit.stack.stop());

const utf8 = (text: string) => new TextEncoder().encode(text);
const headOf = async (tenant: string) => publishedCheckpoint(audit.bucket, tenant, await audit.logOf(tenant).vkey(tenant));

describe("a leaf", () => {
  test("is one, however often its message is delivered", async () => {
    const tenant = aTenant();
    const usage = { v: 1, id: `gate:${tenant}:1`, born: "object", events: [aUsage(tenant, "req_1"), aUsage(tenant, "req_2")] };
    const control = { v: 1, id: "billing:key_1:0", born: "outbox", events: [aControlEvent(tenant, "key_1.revoked")] };
    for (let delivery = 0; delivery < 3; delivery++) {
      await audit.inbox.send(usage);
      await audit.inbox.send(control);
    }
    // The last message tells that those before it were handled.
    await audit.inbox.send({ ...control, id: "billing:key_2:0", events: [aControlEvent(tenant, "key_2.revoked")] });
    const log = audit.logOf(tenant);
    await vi.waitFor(async () => expect((await log.proof(tenant, "key_2.revoked")).status).toBe("proved"), {
      timeout: 20_000,
      interval: 200,
    });
    expect(proofOf(await log.proof(tenant, "req_1")).leaf).toBe(proofOf(await log.proof(tenant, "req_2")).leaf);
    expect((await headOf(tenant))?.size).toBe(3);
  });

  test("is one per event when packs overlap, come again under another id, or at the same moment", async () => {
    const tenant = aTenant();
    const [a, b, c] = ["req_a", "req_b", "req_c"].map((id) => aUsage(tenant, id));
    if (!a || !b || !c) throw new Error("three events");
    const log = audit.logOf(tenant);
    const packs = [
      [a, b],
      [b, c],
      [a, b],
      [c, a],
    ].map((events, i) => entriesOf(`gate:${tenant}:${i}`, "object", events));
    await Promise.all([...packs, ...packs].map((entries) => log.append(tenant, entries)));
    const vkey = await log.vkey(tenant);
    for (const id of ["req_a", "req_b", "req_c"]) {
      const proof = proofOf(await log.proof(tenant, id));
      expect(await verifyEventProof(proof, vkey)).toMatchObject({ ok: true });
    }
    expect((await headOf(tenant))?.size).toBe(2);
  });

  test("waits ten seconds at most for the round that includes it", async () => {
    const tenant = aTenant();
    const log = audit.logOf(tenant);
    await log.append(tenant, singles(someEvents(tenant, "late", 1)));
    await vi.waitFor(async () => expect((await headOf(tenant))?.size).toBe(1), { timeout: 12_000, interval: 250 });
  });

  test("waits for no more than 255 others", async () => {
    const tenant = aTenant();
    await audit.logOf(tenant).append(tenant, singles(someEvents(tenant, "many", 256)));
    await vi.waitFor(async () => expect((await headOf(tenant))?.size).toBe(256), { timeout: 5_000, interval: 100 });
  });

  test("carries neither ids of events nor anything of their content", async () => {
    const tenant = aTenant();
    const log = audit.logOf(tenant);
    await log.append(tenant, entriesOf("gate:1", "object", [aUsage(tenant, "req_secret")]));
    const { leaf } = proofOf(await log.proof(tenant, "req_secret"));
    expect(Object.keys(JSON.parse(leaf))).toEqual(["c", "leaf_id", "policy", "t", "type", "v"]);
    expect(JSON.parse(leaf)).toMatchObject({ type: "inference.packed", policy: "3", t: "2026-11-22T03:00:00Z" });
  });
});

describe("a proof", () => {
  test("verifies offline with the published key alone, and for its event only", async () => {
    const tenant = aTenant();
    const log = audit.logOf(tenant);
    await log.append(tenant, singles(someEvents(tenant, "e", 300)));
    await log.append(
      tenant,
      entriesOf(
        "gate:7",
        "object",
        [1, 2, 3, 4, 5].map((n) => aUsage(tenant, `req_${n}`)),
      ),
    );
    const vkey = await log.vkey(tenant);
    const single = proofOf(await log.proof(tenant, "e299"));
    const packed = proofOf(await log.proof(tenant, "req_4"));
    expect(await verifyTlogProof(utf8(single.leaf), single.tlog_proof, vkey)).toMatchObject({ ok: true, index: 299 });
    for (const proof of [single, packed]) {
      expect(await verifyEventProof(proof, vkey)).toMatchObject({ ok: true });
      expect(await verifyEventProof({ ...proof, event: { ...proof.event, time: "2026-11-22T04:00:00.000Z" } }, vkey)).toMatchObject({
        ok: false,
      });
      expect(await verifyEventProof(proof, await audit.logOf("t_other").vkey("t_other"))).toMatchObject({ ok: false });
    }
    expect(JSON.parse((await log.event(tenant, "req_4")) ?? "")).toEqual(packed.event);
    expect(await log.event(tenant, "req_9")).toBeUndefined();
    expect(await log.proof(tenant, "req_9")).toEqual({ status: "unknown" });
  });

  test("is refused when a tile under it was altered in storage", async () => {
    const tenant = aTenant();
    const log = audit.logOf(tenant);
    await log.append(tenant, singles(someEvents(tenant, "e", 5)));
    await log.proof(tenant, "e0");
    await flipByte(fileKey(tenant, "/tile/0/000.p/5"), 3 * 32);
    expect(await log.proof(tenant, "e0")).toMatchObject({ status: "unavailable" });
  });
});

describe("the published log", () => {
  test("is consistent from every checkpoint to every later one, and stands a full audit", async () => {
    const tenant = aTenant();
    const log = audit.logOf(tenant);
    const heads = [];
    for (const [i, count] of [1, 3, 251, 2, 300].entries()) {
      await log.append(tenant, singles(someEvents(tenant, `r${i}-`, count)));
      await log.proof(tenant, `r${i}-0`);
      heads.push(await headOf(tenant));
    }
    expect(heads.map((head) => head?.size)).toEqual([1, 4, 255, 257, 557]);
    for (const [i, older] of heads.entries()) {
      for (const newer of heads.slice(i)) expect(older && newer && (await isConsistent(audit.bucket, tenant, older, newer))).toBe(true);
    }
    expect(await auditLog(logReader(audit.bucket, tenant), await log.vkey(tenant))).toMatchObject({ ok: true, checkpoint: { size: 557 } });
    for (const size of [1, 4, 255, 257, 557]) expect(await audit.bucket.head(fileKey(tenant, `/checkpoints/${size}`))).not.toBeNull();
  });

  test("shows one flipped byte of any tile, bundle or checkpoint, and the first leaf that it touches", async () => {
    const tenant = aTenant();
    const log = audit.logOf(tenant);
    await log.append(tenant, singles(someEvents(tenant, "e", 300)));
    await log.proof(tenant, "e0");
    const vkey = await log.vkey(tenant);
    const found = async () => auditLog(logReader(audit.bucket, tenant), vkey);
    const bundle = await logReader(audit.bucket, tenant)("/tile/entries/000");
    const entryBytes = 2 + ((bundle?.[0] ?? 0) << 8) + (bundle?.[1] ?? 0);
    const flips: [string, number, object][] = [
      ["/tile/0/000", 17 * 32 + 5, { reason: "entry_differs", leaf: 17 }],
      ["/tile/0/001.p/44", 43 * 32, { reason: "entry_differs", leaf: 299 }],
      ["/tile/1/000.p/1", 31, { reason: "tile_differs", leaf: 0, path: "/tile/1/000.p/1" }],
      ["/tile/entries/000", 17 * entryBytes + 30, { reason: "entry_differs", leaf: 17 }],
      ["/tile/entries/001.p/44", 0, { reason: "malformed", leaf: 256 }],
      ["/checkpoint", 60, { path: "/checkpoint" }],
    ];
    for (const [path, at, finding] of flips) {
      const restore = await flipByte(fileKey(tenant, path), at);
      expect([path, await found()]).toMatchObject([path, { ok: false, ...finding }]);
      await restore();
    }
    expect(await found()).toMatchObject({ ok: true });
  });
});

describe("over HTTP", () => {
  test("a tenant reads its own log; another's answers like one that does not exist", async () => {
    const [mine, theirs] = await Promise.all([createTenant("mine"), createTenant("theirs")]);
    const get = async (key: string, path: string, headers: Record<string, string> = {}) =>
      audit.stack.fetch(`${audit.stack.url}${path}`, { headers: { authorization: `Bearer ${key}`, ...headers } });
    const log = logOfTenant(mine.id);
    // What made the tenant is in its log.
    await vi.waitFor(async () => expect((await get(mine.owner_key, `/compliance/v1/proofs/${mine.id}.created`)).status).toBe(200), {
      timeout: 20_000,
      interval: 250,
    });
    const vkey = await (await get(mine.owner_key, `/audit/${log}/vkey`)).text();
    const proof = await get(mine.owner_key, `/compliance/v1/proofs/${mine.id}.created`);
    expect(await verifyEventProof(JSON.parse(await proof.text()), vkey)).toMatchObject({ ok: true });
    const bare = await get(mine.owner_key, `/compliance/v1/proofs/${mine.id}.created`, { accept: "text/plain" });
    expect([bare.headers.get("content-type"), (await bare.text()).split("\n")[0]]).toEqual([
      "text/plain; charset=UTF-8",
      "c2sp.org/tlog-proof@v1",
    ]);
    const overHttp = async (path: string) => {
      const answer = await get(mine.owner_key, `/audit/${log}${path}`);
      return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : undefined;
    };
    expect(await auditLog(overHttp, vkey)).toMatchObject({ ok: true });

    const { size } = (await publishedCheckpoint(audit.bucket, mine.id, vkey)) ?? { size: 0 };
    const withoutIds = async (path: string) => {
      const answer = await get(theirs.owner_key, path);
      return [answer.status, (await answer.text()).replaceAll(/req_eu_\w+/g, "")];
    };
    for (const path of ["/checkpoint", "/vkey", `/tile/0/000.p/${size}`, `/tile/entries/000.p/${size}`]) {
      const foreign = await withoutIds(`/audit/${log}${path}`);
      expect(foreign).toEqual(await withoutIds(`/audit/${logOfTenant(aTenant())}${path}`));
      expect(foreign[0]).toBe(404);
    }
    expect((await withoutIds(`/compliance/v1/proofs/${mine.id}.created`))[0]).toBe(404);
    for (const path of ["0/0", "0/000.p/0", "0/000.p/256", "64/000", "entries/000/", "0/x000/000", "0/..%2f000", "checkpoint"]) {
      expect([path, (await get(mine.owner_key, `/audit/${log}/tile/${path}`)).status]).toEqual([path, 404]);
    }
    expect((await audit.stack.fetch(`${audit.stack.url}/audit/${log}/checkpoint`)).status).toBe(401);
  });

  test("the operator lists what was given up, and sends it again", async () => {
    await audit.inbox.send({ nonsense: true });
    const call = (path: string, method = "GET") =>
      audit.stack.fetch(`${audit.stack.url}/compliance/v1/dead-letters${path}`, {
        method,
        headers: { authorization: `Bearer ${audit.operatorKey}` },
      });
    const listed = async (): Promise<{ items: { id: string; worker: string; message: unknown }[] }> =>
      JSON.parse(await (await call("?worker=compliance")).text());
    await vi.waitFor(async () => expect((await listed()).items).toMatchObject([{ worker: "compliance", message: { nonsense: true } }]), {
      timeout: 10_000,
      interval: 200,
    });
    const [letter] = (await listed()).items;
    expect((await call(`/${letter?.id}/replay`, "POST")).status).toBe(202);
    expect((await call("/dead_none/replay", "POST")).status).toBe(404);
    expect(JSON.parse(await (await call("?worker=billing")).text())).toEqual({ items: [], next_cursor: null });
  });
});

async function createTenant(name: string): Promise<{ id: string; owner_key: string }> {
  const answer = await audit.stack.fetch(`${audit.stack.url}/billing/v1/tenants`, {
    method: "POST",
    headers: { authorization: `Bearer ${audit.operatorKey}`, "content-type": "application/json" },
    body: JSON.stringify({ name }),
  });
  if (answer.status !== 201) throw new Error(await answer.text());
  return JSON.parse(await answer.text());
}

/** Flips a byte of an object in R2; returns what puts it back. */
async function flipByte(key: string, at: number): Promise<() => Promise<unknown>> {
  const object = await audit.bucket.get(key);
  if (!object) throw new Error(`R2 has no ${key}`);
  const bytes = new Uint8Array(await object.arrayBuffer());
  const altered = bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
  await audit.bucket.put(key, altered);
  return () => audit.bucket.put(key, bytes);
}
