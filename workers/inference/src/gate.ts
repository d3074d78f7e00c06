import { DurableObject } from "cloudflare:workers";
import { formatDecimal, picoDecimals } from "@weir/domain/billing/money";
import { rate } from "@weir/domain/billing/rating";
import {
  checkResidency,
  decide,
  type AdmissionAllowed,
  type AdmissionDenied,
  type DeploymentEligibility,
} from "@weir/domain/inference/admission";
import { clampUsage, worstCasePicos, type UsageBounds } from "@weir/domain/inference/worst-case";
import { newId } from "@weir/domain/ids";
import type { SubjectState } from "@weir/domain/privacy/legal-basis";
import { readCountry } from "@weir/domain/privacy/countries";
import { newEvent } from "@weir/events/catalogue";
import type { WorkerName } from "@weir/events/workers";
import type { GateChange } from "@weir/http/gate-client";
import { causeOf, log } from "@weir/http/log";
import type { AdmissionQuestion, Admitted, Outcome, Refused } from "./admission.ts";
import { Allowance } from "./allowance.ts";
import type { Env } from "./env.ts";
import { consider, told } from "./considered.ts";
import { holdPrice, priceOf, type HeldRequest } from "./held-request.ts";
import { PendingEvents } from "./pending-events.ts";
import { doesTask, type Task } from "./providers/tasks.ts";
import { loadSnapshot, loadSubject, type DeploymentRoute, type TenantSnapshot } from "./snapshot.ts";

/** How long a request waits for money that other requests hold, before it is told to come again: the term of a lease. */
const TERM_MS = 600;
const FLUSH_DELAY_MS = 250;
/** How long the allowance is kept after the last request, for the next one. */
const IDLE_MS = 1_000;
const RETRY_DELAY_MS = 2_000;
/** No request runs this long: a hold that is older belongs to a process that died. */
const UNCONFIRMED_AFTER_MS = 15 * 60_000;
const MAX_SUBJECTS = 10_000;
const MAX_SNAPSHOT_AGE_MS = 60_000;

/**
 * One object per tenant that decides every request, in the tenant's jurisdiction. D1 is the truth; the Gate knows it as of its last
 * read and reads anew what it is told has changed. One thread, so that what it has answered to a change holds for all that follow.
 */
export class Gate extends DurableObject<Env> {
  /** What rests in the object. Made for a tenant that is real: an invented one in a forged key leaves nothing behind. */
  #kept: { allowance: Allowance; events: PendingEvents } | undefined;
  #tenant: string | undefined;
  /** Rises with each change: what was read or decided under a lower number is not used. */
  #epoch = 0;
  #snapshot: TenantSnapshot | undefined;
  #snapshotAt = 0;
  #subjects = new Map<string, SubjectState>();
  #alarmAt: number | undefined;
  #lastUse = 0;
  #settled = new Set<() => void>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { sql } = ctx.storage;
    if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'gate'").toArray().length === 0) return;
    this.#tenant = sql.exec<{ tenant: string }>("SELECT tenant FROM gate").toArray()[0]?.tenant;
    // After a restart: send what is left, and learn the answer to what was asked.
    if (this.#tenant !== undefined) this.#wakeAt(Date.now() + FLUSH_DELAY_MS);
  }

  async admit(question: AdmissionQuestion): Promise<Admitted | Refused> {
    const deadline = Date.now() + TERM_MS;
    for (;;) {
      const epoch = this.#epoch;
      const snapshot = await this.#currentSnapshot(question.tenant);
      const subject = await this.#currentSubject(question);
      // Something changed while it was read: what was read may be older than the change.
      if (epoch !== this.#epoch) {
        if (Date.now() < deadline) continue;
        return unavailable("The tenant's policy is changing faster than it can be read.");
      }
      const decision = decide(snapshot, subject, { ...question, draw: draw() }, Date.now());
      if (!decision.allowed) return this.#refuse(question, snapshot, subject, decision);
      const route = firstRoute(snapshot, decision, question.task);
      if (!route) {
        const message = cannot(snapshot, question);
        return this.#refuseAdmitted(question, snapshot, subject, decision, { code: "unsupported_parameter", param: "model", message });
      }
      const held = await this.#hold(question, snapshot, subject, decision, route, deadline);
      if (held !== "again") return held;
    }
  }

  /** Charges what an admitted request used. A repeat finds no hold and does nothing. */
  async settle(request: string, outcome: Outcome): Promise<void> {
    const settled = this.#allowance.settle(request, (context) => {
      const held: HeldRequest = JSON.parse(context);
      return rate(clampUsage(outcome.usage, held.bounds).usage, priceOf(held));
    });
    if (!settled) return;
    const held: HeldRequest = JSON.parse(settled.context);
    const data = { ...held.event, ...clampUsage(outcome.usage, held.bounds), estimated: outcome.estimated, finish: outcome.finish };
    this.#events.add(newEvent("inference.completed", { id: request, tenant: this.#tenant ?? "", now: Date.now(), data }));
    this.#lastUse = Date.now();
    this.#wakeAt(Date.now() + FLUSH_DELAY_MS);
    this.#wakeWaiting();
  }

  /** Reads anew what changed, before anything else is admitted. */
  async apply(tenant: string, changes: GateChange[]): Promise<number> {
    this.#remember(tenant);
    // Credit is asked for when it is needed; nothing that was read depends on it.
    if (changes.some((change) => change !== "credit")) this.#epoch++;
    if (changes.some((change) => change === "keys" || change === "policy" || change === "models")) this.#snapshot = undefined;
    for (const change of changes) if (typeof change === "object") this.#forget(change.subject);
    this.#wakeWaiting();
    return Date.now();
  }

  async confirm(pack: string, worker: WorkerName): Promise<void> {
    this.#events.confirm(pack, worker);
  }

  /** Requests that were admitted and not settled: running ones, and those whose outcome nobody reported within fifteen minutes. */
  async holds(after: number, limit: number) {
    return this.#allowance.holds(limit, after).map((hold) => {
      const { event }: HeldRequest = JSON.parse(hold.context);
      return {
        request: hold.request,
        model: event.model,
        deployment: event.deployment,
        region: event.region,
        held: formatDecimal(hold.picos, picoDecimals),
        admitted_at: new Date(hold.createdAt).toISOString(),
        state: hold.unconfirmed ? ("unconfirmed" as const) : ("open" as const),
        position: hold.position,
      };
    });
  }

  /** What would be decided for a request that is not made: every deployment of the model, and why. */
  async preview(tenant: string, model: string, country: string | undefined): Promise<readonly DeploymentEligibility[] | undefined> {
    const snapshot = await this.#currentSnapshot(tenant);
    const facts = Object.hasOwn(snapshot.models, model) ? snapshot.models[model] : undefined;
    return facts && checkResidency(facts, country, [snapshot.residency]);
  }

  override async alarm(): Promise<void> {
    this.#alarmAt = undefined;
    const tenant = this.#tenant;
    if (tenant === undefined) return;
    // Apart from each other: a queue that refuses must not keep credit from going back, nor billing events from being told.
    for (const work of [() => this.#events.flush(this.env, tenant, Date.now()), () => this.#finishMovements(tenant)]) {
      try {
        await work();
      } catch (error) {
        log({ level: "warn", what: "a Gate could not finish and will try again", cause: causeOf(error) });
        // Everything is on disk, and is told again.
        this.#wakeAt(Date.now() + RETRY_DELAY_MS);
      }
    }
    this.#wakeForWhatIsLeft();
  }

  async #finishMovements(tenant: string): Promise<void> {
    this.#allowance.expire(Date.now() - UNCONFIRMED_AFTER_MS);
    const mint = () => newId("transaction", this.env.CELL);
    if (this.#allowance.unanswered.reserve) await this.#allowance.topUp(this.env.WALLET, tenant, "", 0n, mint, Date.now());
    const idle = this.#allowance.held === 0n;
    if (this.#allowance.unanswered.release || (idle && this.#lastUse + IDLE_MS <= Date.now())) {
      await this.#allowance.giveBack(this.env.WALLET, tenant, mint, Date.now());
    }
  }

  #wakeForWhatIsLeft(): void {
    if (this.#allowance.held === 0n && this.#allowance.free >= 1000n) this.#wakeAt(Math.max(this.#lastUse + IDLE_MS, Date.now() + 1));
    const { oldest } = this.#allowance;
    if (oldest !== undefined) this.#wakeAt(oldest + UNCONFIRMED_AFTER_MS + 1);
    const next = this.#events.nextSend(Date.now());
    if (next !== undefined) this.#wakeAt(Math.max(next, Date.now() + FLUSH_DELAY_MS));
  }

  /** Holds the worst case of the request, or says why not; `again` when something changed meanwhile. */
  async #hold(
    question: AdmissionQuestion,
    snapshot: TenantSnapshot,
    subject: SubjectState | undefined,
    decision: AdmissionAllowed,
    route: DeploymentRoute,
    deadline: number,
  ): Promise<Admitted | Refused | "again"> {
    const maxTokens = Math.min(question.maxTokens ?? route.maxOutputTokens, route.maxOutputTokens);
    const bounds: UsageBounds = { inputTokens: question.inputTokens, maxTokens };
    const picos = worstCasePicos(bounds, route.price);
    const basis = snapshot.purposesRecorded ? decision.basis : `${decision.basis} (not recorded)`;
    const held: HeldRequest = {
      event: {
        ...about(question, decision, subject),
        purpose: decision.purpose,
        basis,
        deployment: route.id,
        region: route.region,
        price_version: route.priceVersion,
        considered: consider(snapshot, question),
      },
      bounds,
      price: holdPrice(route.price),
    };
    const now = Date.now();
    const hold = { request: question.request, picos, context: JSON.stringify(held), createdAt: now };
    this.#remember(question.tenant);
    if (this.#allowance.hold(hold, route.price.currency)) {
      this.#lastUse = now;
      // Should its process die, nothing else would wake this object to give the credit back.
      this.#wakeAt(now + UNCONFIRMED_AFTER_MS + 1);
      return { admitted: true, deployment: route, maxTokens, purpose: decision.purpose, basis, policyVersion: decision.policyVersion };
    }
    const answer = await this.#allowance
      .topUp(this.env.WALLET, question.tenant, route.price.currency, picos, () => newId("transaction", this.env.CELL), now)
      .catch((error: unknown) => {
        log({ level: "warn", what: "billing did not answer a Gate", cause: causeOf(error) });
        // What it may have set aside is asked for again, whether or not another request comes.
        this.#wakeAt(Date.now() + RETRY_DELAY_MS);
        return undefined;
      });
    if (answer === undefined) return unavailable("Credit cannot be checked right now.");
    if (answer.reserved) return "again";
    if (answer.currency !== null && answer.currency !== route.price.currency) {
      const message = `The model is priced in ${route.price.currency}, the wallet is in ${answer.currency}.`;
      return this.#refuseAdmitted(question, snapshot, subject, decision, { code: "insufficient_quota", message });
    }
    const obtainable = BigInt(answer.availableNanos) * 1000n + this.#allowance.free + this.#allowance.returning;
    if (obtainable + this.#allowance.held < picos) {
      const message = "No credit is left for this request: grant more, or ask for less.";
      return this.#refuseAdmitted(question, snapshot, subject, decision, { code: "insufficient_quota", message });
    }
    // The money is there, but other requests hold it: until one of them ends.
    if (Date.now() >= deadline) {
      const message = "All credit is held by requests in flight.";
      return this.#refuseAdmitted(question, snapshot, subject, decision, { code: "rate_limited", message, retryAfterSeconds: 1 });
    }
    // The question was another request's, which wanted more than this one: this one asks for itself at once.
    if (obtainable < picos) await this.#untilSettled(deadline - Date.now());
    return "again";
  }

  #refuse(question: AdmissionQuestion, snapshot: TenantSnapshot, subject: SubjectState | undefined, denied: AdmissionDenied): Refused {
    // A key that is not the tenant's says nothing about the tenant: no leaf, or anybody could write into the log.
    const key = snapshot.keys[question.key.id];
    if (key !== undefined && key.hash === question.key.hash)
      this.#tellDenied(question, denied, subject, denied.code, denied.param, denied.deployments);
    return {
      admitted: false,
      code: denied.code,
      message: denied.message,
      considered: denied.deployments ?? [],
      ...(denied.param === undefined ? {} : { param: denied.param }),
    };
  }

  /** Refuses what policy would have allowed. */
  #refuseAdmitted(
    question: AdmissionQuestion,
    snapshot: TenantSnapshot,
    subject: SubjectState | undefined,
    decision: AdmissionAllowed,
    why: Omit<Refused, "admitted" | "considered">,
  ): Refused {
    this.#tellDenied(question, decision, subject, why.code, why.param, consider(snapshot, question));
    return { admitted: false, ...why, considered: [] };
  }

  #tellDenied(
    question: AdmissionQuestion,
    decision: AdmissionAllowed | AdmissionDenied,
    subject: SubjectState | undefined,
    code: string,
    param: string | undefined,
    considered: readonly DeploymentEligibility[] | undefined,
  ): void {
    this.#remember(question.tenant);
    const data = { ...about(question, decision, subject), code, param: param ?? null, considered: told(considered ?? []) };
    this.#events.add(newEvent("inference.denied", { id: question.request, tenant: question.tenant, now: Date.now(), data }));
    this.#wakeAt(Date.now() + FLUSH_DELAY_MS);
  }

  async #currentSnapshot(tenant: string): Promise<TenantSnapshot> {
    // The age is a second fence: a change that neither its call nor its event could tell is known within a minute.
    if (this.#snapshot && Date.now() - this.#snapshotAt < MAX_SNAPSHOT_AGE_MS) return this.#snapshot;
    const epoch = this.#epoch;
    const asked = Date.now();
    const loaded = await loadSnapshot(this.env.DB, tenant);
    if (epoch === this.#epoch) {
      this.#snapshot = loaded;
      this.#snapshotAt = asked;
    }
    return loaded;
  }

  async #currentSubject({ tenant, subjectIndex }: AdmissionQuestion): Promise<SubjectState | undefined> {
    if (subjectIndex === undefined) return undefined;
    const known = this.#subjects.get(subjectIndex);
    if (known) return known;
    const epoch = this.#epoch;
    const loaded = (await loadSubject(this.env.DB, tenant, subjectIndex, Date.now())) ?? { subject: "" };
    if (epoch === this.#epoch) {
      if (this.#subjects.size >= MAX_SUBJECTS) this.#subjects.clear();
      this.#subjects.set(subjectIndex, loaded);
    }
    return loaded;
  }

  #untilSettled(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#settled.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      this.#settled.add(wake);
    });
  }

  #wakeWaiting(): void {
    for (const wake of this.#settled) wake();
  }

  /** Drops what is known of a person, and of those who were not known: the change may be that one of them now is. */
  #forget(subject: string): void {
    for (const [index, state] of this.#subjects) if (state.subject === subject || state.subject === "") this.#subjects.delete(index);
  }

  get #allowance(): Allowance {
    return this.#open().allowance;
  }

  get #events(): PendingEvents {
    return this.#open().events;
  }

  #open(): { allowance: Allowance; events: PendingEvents } {
    const { sql } = this.ctx.storage;
    this.#kept ??= { allowance: new Allowance(sql), events: new PendingEvents(sql) };
    return this.#kept;
  }

  #remember(tenant: string): void {
    if (this.#tenant !== undefined) return;
    this.#tenant = tenant;
    this.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS gate (tenant TEXT PRIMARY KEY)");
    this.ctx.storage.sql.exec("INSERT INTO gate (tenant) VALUES (?) ON CONFLICT DO NOTHING", tenant);
  }

  #wakeAt(time: number): void {
    if (this.#alarmAt !== undefined && this.#alarmAt <= time) return;
    this.#alarmAt = time;
    void this.ctx.storage.setAlarm(time);
  }
}

/** What every event about a request says, whether it was served or refused. */
function about(question: AdmissionQuestion, decision: AdmissionAllowed | AdmissionDenied, subject: SubjectState | undefined) {
  return {
    request: question.request,
    key: question.key.id,
    model: question.model.slice(0, 200),
    purpose: decision.purpose?.slice(0, 200) ?? null,
    subject: subject === undefined || subject.subject === "" ? null : subject.subject,
    country: readCountry(question.country) ?? null,
    policy_version: decision.policyVersion,
  };
}

/** The first in the order of admission that does the task, or may. */
function firstRoute(snapshot: TenantSnapshot, decision: AdmissionAllowed, task: Task): DeploymentRoute | undefined {
  for (const id of decision.deployments) {
    const route = snapshot.routes.get(id);
    if (!route) throw new Error(`Admitted to deployment ${id}, which the snapshot does not have`);
    if (doesTask(route, task) !== false) return route;
  }
  return undefined;
}

function cannot(snapshot: TenantSnapshot, { model, task }: AdmissionQuestion): string {
  const able = [...snapshot.routes.values()].filter((route) => doesTask(route, task)).map((route) => `\`${route.model}\``);
  const others = able.length === 0 ? "No other model is known to." : `Models that do: ${[...new Set(able)].slice(0, 10).join(", ")}.`;
  return `No deployment of \`${model}\` does ${task}. ${others}`;
}

/** A number in [0, 1) that picks among deployments by weight. */
function draw(): number {
  return (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32;
}

function unavailable(message: string): Refused {
  return { admitted: false, code: "unavailable", message, retryAfterSeconds: 1, considered: [] };
}
