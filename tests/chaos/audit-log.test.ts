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
    expect(await someAtOnce(cases, ({ fault, crash }) => survive([fault], 260, crash))).toEqual(cases.map(() => WHOLE));
  });

  test("at any two steps, one after the other", { timeout: 240_000 }, async () => {
    expect(await someAtOnce(PAIRS, (faults, i) => survive(faults, 5, i % 2 === 0))).toEqual(PAIRS.map(() => WHOLE));
  });
});

/** Logs spend most of a test waiting for their next second, so several are tried at once. */
async function someAtOnce<T, Result>(cases: readonly T[], attempt: (one: T, i: number) => Promise<Result>): Promise<Result[]> {
  const queue = cases.entries();
  const results: Result[] = [];
  const workers = Array.from({ length: 8 }, async () => {
    for (const [i, one] of queue) results[i] = await attempt(one, i);
  });
  await Promise.all(workers);
  return results;
}

/** How a log stands after its faults. */
const WHOLE = { struck: "all faults", leaves: "each once", proofs: "all verify", audit: "sound", checkpoints: "consistent" };

/** Grows a log while faults strike it, with a loss of memory after each when `crash`; whatever happens, it must end whole. */
async function survive(faults: string[], count: number, crash: boolean): Promise<typeof WHOLE> {
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
    if (crash) await lose(tenant);
  }

  // A redelivery after all that, and new leaves.
  await log().append(tenant, singles(someEvents(tenant, "during", count)));
  await log().append(tenant, singles(someEvents(tenant, "after", 2)));
  const unproved: string[] = [];
  for (const id of ["before2", "during0", `during${count - 1}`, "attempt0-0", "after1"]) {
    const answer = await log().proof(tenant, id);
    if (answer.status !== "proved" || !(await verifyEventProof(proofOf(answer), vkey)).ok) unproved.push(id);
  }
  const audited = await auditLog(logReader(audit.bucket, tenant), vkey);
  const forks: number[] = [];
  for (const head of seen) {
    if (!audited.ok || !(await isConsistent(audit.bucket, tenant, head, audited.checkpoint))) forks.push(head.size);
  }
  const { struck, leaves, proofs, audit: sound, checkpoints } = WHOLE;
  return {
    struck: left.length === 0 ? struck : `${about}: ${left.join()} not`,
    leaves: audited.ok && audited.checkpoint.size === 3 + count + attempts + 2 ? leaves : `${about}: another number`,
    proofs: unproved.length === 0 ? proofs : `${about}: ${unproved.join()} not`,
    audit: audited.ok ? sound : `${about}: ${audited.reason} in ${audited.path}`,
    checkpoints: forks.length === 0 ? checkpoints : `${about}: forked from ${forks.join()}`,
  };
}

/** The object loses its memory, as in a crash. The call that does it cannot answer. */
async function lose(tenant: string): Promise<void> {
  await audit
    .logOf(tenant)
    .forget()
    .catch(() => undefined);
}

describe.concurrent("a log halts, and goes on when storage is as it was,", () => {
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
    expect(await haltWith(tenant, "/checkpoint", older, crash)).toEqual(HALTED);
  });

  test.each([true, false])("when its checkpoint in R2 is gone (memory lost: %s)", async (crash) => {
    const { tenant } = await grown();
    expect(await haltWith(tenant, "/checkpoint", undefined, crash)).toEqual(HALTED);
  });

  test.each([9, 6])("when R2 has a checkpoint of size %i with another root", async (size) => {
    const { tenant } = await grown();
    const signer = await noteSigner((await audit.logOf(tenant).vkey(tenant)).split("+")[0] ?? "", new Uint8Array(32));
    const foreign = await signCheckpoint({ origin: signer.name, size, root: new Uint8Array(32).fill(7) }, [signer]);
    expect(await haltWith(tenant, "/checkpoint", new TextEncoder().encode(foreign), true)).toEqual(HALTED);
  });

  test.each(["/tile/0/000.p/6", "/tile/entries/000.p/6"])("when %s at its right edge is altered", async (path) => {
    const { tenant } = await grown();
    expect(
      await haltWith(
        tenant,
        path,
        (await read(fileKey(tenant, path))).map((byte, i) => (i === 40 ? byte ^ 1 : byte)),
        true,
      ),
    ).toEqual(HALTED);
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

const HALTED = { proofs: ["unavailable", "unavailable"], inPlace: "left as found", signed: "nothing", afterwards: "whole" };

/** Puts `bytes` in a file's place: the log must sign nothing more until the file is back, and then have lost nothing. */
async function haltWith(tenant: string, path: string, bytes: Uint8Array | undefined, crash: boolean): Promise<typeof HALTED> {
  const log = () => audit.logOf(tenant);
  const key = fileKey(tenant, path);
  const right = await read(key);
  await (bytes ? audit.bucket.put(key, bytes) : audit.bucket.delete(key));
  if (crash) await lose(tenant);
  await log().append(tenant, singles(someEvents(tenant, "halted", 2)));
  const proofs = [(await log().proof(tenant, "halted0")).status, (await log().proof(tenant, "halted0")).status];
  const found = await audit.bucket.get(key);
  const inPlace = found && Buffer.from(await found.arrayBuffer()).toString("hex");
  // With its memory a log has written files before it sees that the checkpoint is not its own; the checkpoint it does not replace.
  const signed = (await audit.bucket.list({ prefix: fileKey(tenant, "/checkpoints/") })).objects.length > 2;

  await audit.bucket.put(key, right);
  const vkey = await log().vkey(tenant);
  const answer = await log().proof(tenant, "halted1");
  const audited = await auditLog(logReader(audit.bucket, tenant), vkey);
  const whole =
    answer.status === "proved" && (await verifyEventProof(proofOf(answer), vkey)).ok && audited.ok && audited.checkpoint.size === 8;
  return {
    proofs,
    inPlace: inPlace === (bytes ? Buffer.from(bytes).toString("hex") : null) ? "left as found" : "replaced",
    signed: signed ? "a checkpoint" : "nothing",
    afterwards: whole ? "whole" : JSON.stringify({ answer, audited }),
  };
}

async function read(key: string): Promise<Uint8Array> {
  const object = await audit.bucket.get(key);
  if (!object) throw new Error(`R2 has no ${key}`);
  return new Uint8Array(await object.arrayBuffer());
}
