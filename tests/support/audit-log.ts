import { join } from "node:path";
import { openCheckpoint, type Checkpoint } from "../../packages/domain/src/compliance/checkpoint.ts";
import type { EventProof } from "../../packages/domain/src/compliance/event-proof.ts";
import { verifyConsistency } from "../../packages/domain/src/compliance/merkle.ts";
import { tilePath } from "../../packages/domain/src/compliance/tile-path.ts";
import { consistencyPathFromTiles } from "../../packages/domain/src/compliance/tiles.ts";
import { trustInKey } from "../../packages/domain/src/compliance/tlog-proof.ts";
import { hashKey, newKey, OPERATOR } from "../../packages/domain/src/keys.ts";
import { logOfTenant, newId } from "../../packages/domain/src/ids.ts";
import { bundleWorker } from "../../packages/cli/src/bundle.ts";
import { bootStack, compileStack, ROOT, type Stack } from "../../packages/cli/src/stack.ts";
import { newEvent, type AnyEvent, type WeirEvent } from "../../packages/events/src/catalogue.ts";
import { inferenceCompleted } from "../../packages/events/src/inference-completed.ts";
import type { Entry } from "../../workers/compliance/src/leaves.ts";
import type { ProofAnswer } from "../../workers/compliance/src/log.ts";

/** What a test may ask of a log, the faults included. */
export interface TestLog {
  append(tenant: string, entries: Entry[]): Promise<void>;
  proof(tenant: string, eventId: string): Promise<ProofAnswer>;
  event(tenant: string, eventId: string): Promise<string | undefined>;
  vkey(tenant: string): Promise<string>;
  failAt(faults: string[]): Promise<void>;
  faultsLeft(): Promise<string[]>;
  sequenceNow(): Promise<void>;
  forget(): Promise<void>;
}

export interface AuditStack {
  stack: Stack;
  operatorKey: string;
  logOf(tenant: string): TestLog;
  bucket: R2Bucket;
  inbox: Queue;
}

/** The real stack; only the compliance worker is that of `faulty-compliance.ts`, whose logs fail where they are told to. */
export async function bootAuditStack(): Promise<AuditStack> {
  const scripts = await compileStack();
  scripts["compliance"] = await bundleWorker(join(ROOT, "tests/support/faulty-compliance.ts"));
  const operator = newKey("eu", OPERATOR);
  const cellKey = () => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))));
  const secrets = async () => ({ CELL_KEY: cellKey(), OPERATOR_KEY_HASH: await hashKey(operator.key) });
  const stack = await bootStack({ secrets: { eu: await secrets(), us: await secrets() } }, scripts);
  const env = await stack.bindings<{ LOG: { getByName(name: string): TestLog }; BUCKET: R2Bucket; INBOX_COMPLIANCE: Queue }>(
    "compliance",
    "eu",
  );
  return {
    stack,
    operatorKey: operator.key,
    logOf: (tenant) => env.LOG.getByName(tenant),
    bucket: env.BUCKET,
    inbox: env.INBOX_COMPLIANCE,
  };
}

export const aTenant = (): string => newId("tenant", "eu");

export function aControlEvent(tenant: string, id: string): WeirEvent<"key.revoked"> {
  return newEvent("key.revoked", { id, tenant, now: Date.UTC(2026, 10, 22, 3), data: { key: id } });
}

export function aUsage(tenant: string, id: string): WeirEvent<"inference.completed"> {
  return newEvent("inference.completed", {
    id,
    tenant,
    now: Date.UTC(2026, 10, 22, 3),
    data: { ...inferenceCompleted.example, request: id },
  });
}

export function singles(events: AnyEvent[]): Entry[] {
  return events.map((event) => ({ kind: "event", event }));
}

/** Control-plane events `<prefix>0`, `<prefix>1`, … */
export function someEvents(tenant: string, prefix: string, count: number): AnyEvent[] {
  return Array.from({ length: count }, (_, i) => aControlEvent(tenant, `${prefix}${i}`));
}

export function proofOf(answer: ProofAnswer): EventProof {
  if (answer.status !== "proved") throw new Error(`No proof: ${JSON.stringify(answer)}`);
  return JSON.parse(answer.proof);
}

/** A log's files as they stand in the bucket. */
export function logReader(bucket: R2Bucket, tenant: string): (path: string) => Promise<Uint8Array | undefined> {
  return async (path) => {
    const object = await bucket.get(fileKey(tenant, path));
    return object ? new Uint8Array(await object.arrayBuffer()) : undefined;
  };
}

export function fileKey(tenant: string, path: string): string {
  return `audit/${logOfTenant(tenant)}${path}`;
}

/** The checkpoint that R2 holds, its signature verified. */
export async function publishedCheckpoint(bucket: R2Bucket, tenant: string, vkey: string): Promise<Checkpoint | undefined> {
  const note = await logReader(bucket, tenant)("/checkpoint");
  const trust = await trustInKey(vkey);
  if (!note || !trust) return undefined;
  const opened = await openCheckpoint(note, trust);
  if (!opened.ok) throw new Error(`The checkpoint in R2 is not the log's: ${opened.reason}`);
  return opened.checkpoint;
}

/** True when the older head is a beginning of the newer one, by a proof from the tiles in R2. */
export async function isConsistent(bucket: R2Bucket, tenant: string, older: Checkpoint, newer: Checkpoint): Promise<boolean> {
  const read = logReader(bucket, tenant);
  const path = await consistencyPathFromTiles(older.size, newer.size, async (level, index, width) => {
    return (await read(tilePath({ level, index, width }))) ?? new Uint8Array();
  });
  return verifyConsistency({ oldSize: older.size, oldRoot: older.root, newSize: newer.size, newRoot: newer.root, path });
}
