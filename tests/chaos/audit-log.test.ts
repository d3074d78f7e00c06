import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Checkpoint } from "../../packages/domain/src/compliance/checkpoint.ts";
import { signCheckpoint } from "../../packages/domain/src/compliance/checkpoint.ts";
import { verifyEventProof } from "../../packages/domain/src/compliance/event-proof.ts";
import { noteSigner } from "../../packages/domain/src/compliance/note.ts";
import { auditLog } from "../../packages/domain/src/compliance/self-audit.ts";
import { STEPS } from "../../workers/compliance/src/sequencer.ts";
import {
  aTenant,
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

const FAULTS: string[] = [
  ...STEPS,
  "put lost /tile/0",
  "put lost /tile/entries",
  "put lost /checkpoint",
  "put lost /checkpoints/",
  "put unheard /tile/0",
  "put unheard /checkpoint",
  "put unheard /checkpoints/",
  "put garbled /tile/0",
  "put garbled /tile/entries",
];
/** One of each kind: before the commit, in it, after it, between the files, after the checkpoint. */
const PAIRED = [
  "signed",
  "swapped",
  "committed",
  "file written",
  "checkpoint written",
  "archived",
  "put lost /tile/",
  "put unheard /checkpoint",
];
const PAIRS = PAIRED.flatMap((first) => PAIRED.map((second) => [first, second]));

describe("a crash or a failed write leaves what was pooled pooled and the log unforked", () => {
  test("at any step alone", { timeout: 120_000 }, async () => {
    const cases = FAULTS.flatMap((fault) => [false, true].map((crash) => ({ fault, crash })));
    await someAtOnce(cases, ({ fault, crash }) => survives([fault], 260, crash));
  });

  test("at any two steps, one after the other", { timeout: 240_000 }, async () => {
    await someAtOnce(PAIRS, (faults, i) => survives(faults, 5, i % 2 === 0));
  });
});

/** Logs spend most of a test waiting for their next second, so several are tried at once. */
async function someAtOnce<T>(cases: readonly T[], attempt: (one: T, i: number) => Promise<void>): Promise<void> {
  const queue = cases.entries();
  const workers = Array.from({ length: 8 }, async () => {
    for (const [i, one] of queue) await attempt(one, i);
  });
  await Promise.all(workers);
}

/** Grows a log while faults strike it, with a loss of memory after each when `crash`; whatever happens, it ends whole. */
async function survives(faults: string[], count: number, crash: boolean): Promise<void> {
  const about = `${faults.join(", then ")}${crash ? ", memory lost" : ""}`;
  const tenant = aTenant();
  const log = () => audit.logOf(tenant);
  await log().append(tenant, singles(someEvents(tenant, "before", 3)));
  await log().proof(tenant, "before0");
  const vkey = await log().vkey(tenant);
  // Before there is anything to do: 256 leaves start a round by themselves.
  await log().failAt(faults);
  await log().append(tenant, singles(someEvents(tenant, "during", count)));

  const seen: Checkpoint[] = [];
  let left = faults;
  let attempts = 0;
  for (; left.length > 0 && attempts < 8; attempts++) {
    await log().failAt(left);
    // A round that only finishes the one before would never reach a fault that strikes while it commits.
    await log().append(tenant, singles(someEvents(tenant, `attempt${attempts}-`, 1)));
    await log().sequenceNow();
    left = await log().faultsLeft();
    const head = await publishedCheckpoint(audit.bucket, tenant, vkey);
    if (head) seen.push(head);
    if (crash)
      await log()
        .forget()
        .catch(() => undefined);
  }
  expect(left, `${about}: every fault has struck`).toEqual([]);

  // A redelivery after all that, and new leaves.
  await log().append(tenant, singles(someEvents(tenant, "during", count)));
  await log().append(tenant, singles(someEvents(tenant, "after", 2)));
  for (const id of ["before2", "during0", `during${count - 1}`, "attempt0-0", "after1"]) {
    const proof = proofOf(await log().proof(tenant, id));
    expect(await verifyEventProof(proof, vkey), about).toMatchObject({ ok: true });
  }
  const audited = await auditLog(logReader(audit.bucket, tenant), vkey);
  expect(audited, about).toMatchObject({ ok: true, checkpoint: { size: 3 + count + attempts + 2 } });
  if (!audited.ok) return;
  for (const head of seen) expect(await isConsistent(audit.bucket, tenant, head, audited.checkpoint), about).toBe(true);
}

describe("a log halts, and goes on when storage is as it was,", () => {
  const grown = async () => {
    const tenant = aTenant();
    const log = audit.logOf(tenant);
    await log.append(tenant, singles(someEvents(tenant, "a", 3)));
    await log.proof(tenant, "a0");
    const older = await read(fileKey(tenant, "/checkpoint"));
    await log.append(tenant, singles(someEvents(tenant, "b", 3)));
    await log.proof(tenant, "b0");
    return { tenant, older };
  };

  test.each([true, false])("when its checkpoint in R2 is rolled back (memory lost: %s)", async (crash) => {
    const { tenant, older } = await grown();
    await haltsWith(tenant, "/checkpoint", older, crash);
  });

  test.each([true, false])("when its checkpoint in R2 is gone (memory lost: %s)", async (crash) => {
    const { tenant } = await grown();
    await haltsWith(tenant, "/checkpoint", undefined, crash);
  });

  test.each([9, 6])("when R2 has a checkpoint of size %i with another root", async (size) => {
    const { tenant } = await grown();
    const signer = await noteSigner((await audit.logOf(tenant).vkey(tenant)).split("+")[0] ?? "", new Uint8Array(32));
    const foreign = await signCheckpoint({ origin: signer.name, size, root: new Uint8Array(32).fill(7) }, [signer]);
    await haltsWith(tenant, "/checkpoint", new TextEncoder().encode(foreign), true);
  });

  test.each(["/tile/0/000.p/6", "/tile/entries/000.p/6"])("when %s at its right edge is altered", async (path) => {
    const { tenant } = await grown();
    await haltsWith(
      tenant,
      path,
      (await read(fileKey(tenant, path))).map((byte, i) => (i === 40 ? byte ^ 1 : byte)),
      true,
    );
  });

  test("when R2 has a log that this object does not know", async () => {
    const { tenant, older } = await grown();
    const other = aTenant();
    await audit.bucket.put(fileKey(other, "/checkpoint"), older);
    const log = audit.logOf(other);
    await log.append(other, singles(someEvents(other, "x", 1)));
    expect(await log.proof(other, "x0")).toMatchObject({ status: "unavailable" });
    expect(await read(fileKey(other, "/checkpoint"))).toEqual(await read(fileKey(tenant, "/checkpoints/3")));
  });
});

/** Puts `bytes` in a file's place; the log must sign nothing more until the file is back, and then lose nothing. */
async function haltsWith(tenant: string, path: string, bytes: Uint8Array | undefined, crash: boolean): Promise<void> {
  const log = () => audit.logOf(tenant);
  const key = fileKey(tenant, path);
  const right = await read(key);
  await (bytes ? audit.bucket.put(key, bytes) : audit.bucket.delete(key));
  if (crash)
    await log()
      .forget()
      .catch(() => undefined);
  await log().append(tenant, singles(someEvents(tenant, "halted", 2)));
  const stored = await audit.bucket.list({ prefix: fileKey(tenant, "/") });
  for (let attempt = 0; attempt < 2; attempt++) {
    expect(await log().proof(tenant, "halted0")).toMatchObject({ status: "unavailable" });
    const found = await audit.bucket.get(key);
    expect(found && new Uint8Array(await found.arrayBuffer())).toEqual(bytes ?? null);
  }
  // With its memory a log cannot know before it has written files that no checkpoint covers; a checkpoint it never replaces.
  if (crash) expect((await audit.bucket.list({ prefix: fileKey(tenant, "/") })).objects).toHaveLength(stored.objects.length);
  await audit.bucket.put(key, right);
  expect(await verifyEventProof(proofOf(await log().proof(tenant, "halted1")), await log().vkey(tenant))).toMatchObject({ ok: true });
  expect(await auditLog(logReader(audit.bucket, tenant), await log().vkey(tenant))).toMatchObject({ ok: true, checkpoint: { size: 8 } });
}

async function read(key: string): Promise<Uint8Array> {
  const object = await audit.bucket.get(key);
  if (!object) throw new Error(`R2 has no ${key}`);
  return new Uint8Array(await object.arrayBuffer());
}
