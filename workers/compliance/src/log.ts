import { DurableObject } from "cloudflare:workers";
import { causeOf, log as writeLog } from "@weir/http/log";
import { proveEvent } from "./event-proofs.ts";
import type { Env } from "./env.ts";
import { makeLeaf, type Entry } from "./leaves.ts";
import { LogBucket } from "./log-bucket.ts";
import { loadIdentity, type LogIdentity } from "./log-identity.ts";
import { Pool, type FoundEvent } from "./pool.ts";
import { Sequencer, type Step } from "./sequencer.ts";
import { TreeState } from "./tree-state.ts";

/** A round begins when so many leaves wait, ... */
const FULL_ROUND = 256;
/** ... or this long after the first of them came; a round that rewrites the partial tiles for one leaf is mostly waste. */
const ROUND_DELAY_MS = 10_000;
/** R2 takes one write a second to one key, and each round writes `checkpoint`. */
const ROUND_SPACING_MS = 1_000;
const RETRY_DELAY_MS = 5_000;
/** A proof waits for the round that is running and for one more. */
const ROUNDS_PER_PROOF = 3;

/** The answer to a question for a proof, as it crosses the RPC. `proof` is an `EventProof` as JSON. */
export type ProofAnswer = { status: "proved"; proof: string } | { status: "unknown" } | { status: "unavailable"; reason: string };

interface Opened {
  identity: LogIdentity;
  bucket: LogBucket;
  sequencer: Sequencer;
}

/**
 * The audit log of one tenant, and its only writer. `append` returns once the leaves are on disk here: that is when a queue message may
 * be acknowledged. *Included* means that a later signed checkpoint covers them.
 */
export class Log extends DurableObject<Env> {
  readonly #pool: Pool;
  readonly #tree: TreeState;
  #opened: Promise<Opened> | undefined;
  #appending: Promise<unknown> = Promise.resolve();
  #running: Promise<void> | undefined;
  #lastRoundMs = 0;
  #notBeforeMs = 0;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#pool = new Pool(ctx.storage.sql);
    this.#tree = new TreeState(ctx.storage.sql);
  }

  /** Pools one leaf per entry, but none for events that the log has: a message may come again, late, or under another id. */
  async append(tenant: string, entries: Entry[]): Promise<void> {
    // One after another: between the look-up of what is known and the insert, leaves are hashed, and another message could come in.
    const appended = this.#appending.then(() => this.#append(tenant, entries));
    this.#appending = appended.catch(() => undefined);
    await appended;
  }

  async #append(tenant: string, entries: Entry[]): Promise<void> {
    const { identity } = await this.#open(tenant);
    const leaves = await Promise.all(this.#pool.unknown(entries).map((entry) => makeLeaf(identity.commitmentKey, entry)));
    if (leaves.length === 0) return;
    const now = Date.now();
    // Leaves and alarm reach the disk together, as nothing is awaited between them: no leaf can wait that nothing wakes up for.
    this.ctx.storage.transactionSync(() => {
      for (const leaf of leaves) this.#pool.add(leaf, now);
    });
    await this.#setAlarm();
  }

  /** The event as it was told; undefined: the log has none with this id, or its person is erased. */
  async event(tenant: string, eventId: string): Promise<string | undefined> {
    await this.#open(tenant);
    return this.#pool.find(eventId)?.body;
  }

  /** The key that others verify this log with (C2SP signed-note). */
  async vkey(tenant: string): Promise<string> {
    return (await this.#open(tenant)).identity.signer.vkey;
  }

  /** Proves one event, by its id or as the latest about a thing of that id; makes a round at once if its leaf still waits for one. */
  async proof(tenant: string, id: string): Promise<ProofAnswer> {
    const { identity, bucket } = await this.#open(tenant);
    const asked = this.#pool.find(id) ?? this.#pool.findAbout(id);
    if (!asked) return { status: "unknown" };
    const included = await this.#include(tenant, asked.id);
    if (!included) return { status: "unavailable", reason: "The event is in the pool, and no checkpoint covers it yet." };
    const { found, index, head } = included;
    const commitments = (seq: number) => this.#pool.commitments(seq);
    const proof = await proveEvent(found, index, { key: identity.commitmentKey, vkey: identity.signer.vkey, bucket, head, commitments });
    if (!proof) return { status: "unavailable", reason: "The log's tiles in storage do not agree with its checkpoint." };
    return { status: "proved", proof: JSON.stringify(proof) };
  }

  async #include(
    tenant: string,
    eventId: string,
  ): Promise<{ found: FoundEvent; index: number; head: { size: number; note: string } } | undefined> {
    for (let rounds = 0; rounds <= ROUNDS_PER_PROOF; rounds++) {
      const found = this.#pool.find(eventId);
      if (!found) return undefined;
      const { size, note, published } = this.#tree.read();
      const { index } = found.leaf;
      if (index !== null && note !== null && note === published) return { found, index, head: { size, note } };
      try {
        await this.#sequence(tenant);
      } catch (error) {
        reportFailure(error);
        return undefined;
      }
    }
    return undefined;
  }

  override async alarm(): Promise<void> {
    // Set first: a crash in the round must not leave the pool without one.
    await this.ctx.storage.setAlarm(Date.now() + RETRY_DELAY_MS);
    try {
      await this.#sequence(this.#tenant());
    } catch (error) {
      reportFailure(error);
      this.#notBeforeMs = Date.now() + RETRY_DELAY_MS;
    }
    await this.#setAlarm();
  }

  /** Everything that is committed and not yet published, or pooled and not yet committed, has an alarm; nothing else has. */
  async #setAlarm(): Promise<void> {
    const waiting = this.#pool.waitingSince(FULL_ROUND);
    const { note, published } = this.#tree.read();
    if (!waiting && note === published) return this.ctx.storage.deleteAlarm();
    const due = !waiting || waiting.count >= FULL_ROUND ? 0 : waiting.since + ROUND_DELAY_MS;
    // No `await` before this point: what was read above still holds.
    return this.ctx.storage.setAlarm(Math.max(Date.now(), due, this.#lastRoundMs + ROUND_SPACING_MS, this.#notBeforeMs));
  }

  #sequence(tenant: string): Promise<void> {
    this.#running ??= this.#round(tenant).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #round(tenant: string): Promise<void> {
    const { sequencer } = await this.#open(tenant);
    const restMs = this.#lastRoundMs + ROUND_SPACING_MS - Date.now();
    if (restMs > 0) await scheduler.wait(restMs);
    this.#lastRoundMs = Date.now();
    await sequencer.round();
  }

  #open(tenant: string): Promise<Opened> {
    this.#opened ??= this.#load(tenant).catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async #load(tenant: string): Promise<Opened> {
    const identity = await loadIdentity(this.ctx.storage.sql, this.env, tenant);
    const bucket = new LogBucket(this.env.BUCKET, identity.log);
    const parts = { storage: this.ctx.storage, pool: this.#pool, tree: this.#tree, bucket, signer: identity.signer };
    return { identity, bucket, sequencer: new Sequencer({ ...parts, onStep: (step) => this.onStep(step) }) };
  }

  #tenant(): string {
    return this.ctx.storage.sql.exec<{ tenant: string }>("SELECT tenant FROM identity").one().tenant;
  }

  /** Called at each step of a round. Tests override it to make a step fail. */
  protected onStep(_step: Step): void {}
}

function reportFailure(error: unknown): void {
  writeLog({ level: "error", what: "a round of an audit log failed", cause: causeOf(error) });
}
