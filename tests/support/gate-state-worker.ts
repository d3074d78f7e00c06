import { DurableObject } from "cloudflare:workers";
import { applyTransactions, emptyLedger, grantTransaction, releaseTransaction, reserveTransaction } from "@weir/domain/billing/ledger";
import type { ReserveResult } from "@weir/domain/billing/reservation";
import { newEvent } from "@weir/events/catalogue";
import { messageIdOf, packSchema } from "@weir/events/envelope";
import type { WorkerName } from "@weir/events/workers";
import { fakeInboxes } from "./queues.ts";
import { Allowance, type WalletApi } from "../../workers/inference/src/allowance.ts";
import { PendingEvents } from "../../workers/inference/src/pending-events.ts";

/** What happens to a question on its way to billing and back. */
export type Network = "works" | "loses the question" | "loses the answer";

export type CreditStep =
  | { do: "request"; picos: number; currency: string; network: Network }
  | { do: "settle"; oldest: number; picos: number }
  | { do: "settle again" }
  | { do: "give back"; network: Network }
  | { do: "finish" }
  | { do: "both"; picos: number; network: Network }
  | { do: "expire" }
  | { do: "crash" };

interface Asked {
  kind: "reserve" | "release";
  id: string;
  answered: boolean;
}

/** Where the credit is after a step; amounts of 10^-12 as text. */
export interface CreditState {
  free: string;
  held: string;
  charged: string;
  /** What billing's ledger has set aside for the Gate. */
  setAside: string;
  available: string;
  /** What billing was asked for in this step. */
  asked: Asked[];
  unanswered: { reserve: boolean; release: boolean };
}

export type EventStep =
  | { do: "add"; count: number }
  | { do: "flush"; refusing: boolean; now: number }
  | { do: "confirm"; worker: WorkerName }
  | { do: "crash" };

/** Billing with the pure ledger behind it: the rules without a database. */
class ModelWallet implements WalletApi {
  network: Network = "works";
  asked: Asked[] = [];
  #ledger = emptyLedger("USD");
  readonly #answers = new Map<string, ReserveResult>();

  constructor(grantedNanos: bigint) {
    if (grantedNanos > 0n) this.#apply(grantTransaction({ id: "grant", currency: "USD", amountNanos: grantedNanos }));
  }

  get available(): bigint {
    return this.#ledger.balances.wallet_available;
  }

  get setAside(): bigint {
    return this.#ledger.balances.wallet_held;
  }

  async reserve({ id, currency, needNanos, wantNanos }: Parameters<WalletApi["reserve"]>[0]): Promise<ReserveResult> {
    return this.#throughNetwork("reserve", id, () => {
      const known = this.#answers.get(id);
      if (known) return known;
      const amountNanos = BigInt(wantNanos) < this.available ? BigInt(wantNanos) : this.available;
      if (currency !== "USD" || this.available < BigInt(needNanos)) {
        return { reserved: false, availableNanos: this.available.toString(), currency: "USD" };
      }
      this.#apply(reserveTransaction({ id, currency, amountNanos }));
      const answer: ReserveResult = { reserved: true, amountNanos: amountNanos.toString() };
      this.#answers.set(id, answer);
      return answer;
    });
  }

  async release({ id, amountNanos }: Parameters<WalletApi["release"]>[0]): Promise<void> {
    await this.#throughNetwork("release", id, () =>
      this.#apply(releaseTransaction({ id, currency: "USD", amountNanos: BigInt(amountNanos) })),
    );
  }

  async #throughNetwork<Answer>(kind: Asked["kind"], id: string, work: () => Answer): Promise<Answer> {
    const network = this.network;
    this.asked.push({ kind, id, answered: network === "works" });
    await Promise.resolve();
    if (network === "loses the question") throw new Error("Billing was not reached");
    const answer = work();
    await Promise.resolve();
    if (network === "loses the answer") throw new Error("Billing's answer was lost");
    return answer;
  }

  #apply(transaction: ReturnType<typeof grantTransaction>): void {
    const { ledger, refused } = applyTransactions(this.#ledger, [transaction]);
    if (refused.length > 0) throw new Error(`Refused: ${JSON.stringify(refused)}`);
    this.#ledger = ledger;
  }
}

/** The Gate's state over the SQLite of a real object, driven step by step. Each object is used for one run. */
export class GateState extends DurableObject {
  override async fetch(request: Request): Promise<Response> {
    const run: { granted: string; credit: CreditStep[] } | { events: EventStep[] } = await request.json();
    return Response.json("credit" in run ? await this.#credit(BigInt(run.granted), run.credit) : await this.#events(run.events));
  }

  async #credit(grantedNanos: bigint, steps: CreditStep[]): Promise<CreditState[]> {
    const wallet = new ModelWallet(grantedNanos);
    let allowance = new Allowance(this.ctx.storage.sql);
    let charged = 0n;
    let ids = 0;
    let requests = 0;
    const open: string[] = [];
    const ended: string[] = [];
    const mint = () => `tx_${++ids}`;
    const settle = (id: string, picos: bigint) => {
      charged += allowance.settle(id, () => picos)?.chargedPicos ?? 0n;
    };
    const request = async (picos: bigint, currency: string) => {
      const hold = { request: `req_${++requests}`, picos, context: "{}", createdAt: 0 };
      if (!allowance.hold(hold, currency)) {
        await allowance.topUp(wallet, "t", currency, picos, mint, 0);
        if (!allowance.hold(hold, currency)) return;
      }
      open.push(hold.request);
    };
    const step = async (next: CreditStep): Promise<void> => {
      if ("network" in next) wallet.network = next.network;
      switch (next.do) {
        case "request":
          return request(BigInt(next.picos), next.currency);
        case "settle": {
          const [id] = open.splice(next.oldest % Math.max(1, open.length), 1);
          if (id !== undefined) ended.push(id);
          return id === undefined ? undefined : settle(id, BigInt(next.picos));
        }
        case "settle again":
          return settle(ended.at(-1) ?? "req_none", 1_000_000n);
        case "give back":
          return allowance.giveBack(wallet, "t", mint, 0);
        case "finish":
          // As the Gate's alarm does.
          wallet.network = "works";
          if (allowance.unanswered.reserve) await allowance.topUp(wallet, "t", "", 0n, mint, 0);
          return allowance.giveBack(wallet, "t", mint, 0);
        case "both":
          await Promise.allSettled([allowance.giveBack(wallet, "t", mint, 0), request(BigInt(next.picos), "USD"), request(1n, "USD")]);
          return undefined;
        case "expire":
          open.length = 0;
          return allowance.expire(1);
        case "crash":
          allowance = new Allowance(this.ctx.storage.sql);
          return undefined;
      }
    };
    const states: CreditState[] = [];
    for (const next of steps) {
      wallet.asked = [];
      await step(next).catch(() => undefined);
      states.push({
        free: allowance.free.toString(),
        held: allowance.held.toString(),
        charged: charged.toString(),
        setAside: (wallet.setAside * 1000n).toString(),
        available: (wallet.available * 1000n).toString(),
        asked: wallet.asked,
        unanswered: allowance.unanswered,
      });
    }
    return states;
  }

  /** Returns what metering's queue got, message by message, and how many events are still kept. */
  async #events(steps: EventStep[]): Promise<{ messages: { id: string; events: string[] }[]; kept: number; nextSend: number | null }> {
    const { env, queue } = fakeInboxes();
    let pending = new PendingEvents(this.ctx.storage.sql);
    let ids = 0;
    let now = 0;
    for (const step of steps) {
      if (step.do === "crash") pending = new PendingEvents(this.ctx.storage.sql);
      else if (step.do === "add") for (let index = 0; index < step.count; index++) pending.add(aDenial(`req_${++ids}`));
      else if (step.do === "confirm") {
        for (const body of queue[step.worker].bodies) pending.confirm(messageIdOf(body) ?? "", step.worker);
      } else {
        now = step.now;
        queue.metering.behaviour = step.refusing ? "refuses" : "accepts";
        await pending.flush(env, "t_eu_1", step.now).catch(() => undefined);
      }
    }
    const messages = queue.metering.bodies.map((body) => {
      const pack = packSchema.parse(body);
      return { id: pack.id, events: pack.events.map(({ id }) => id) };
    });
    const kept = this.ctx.storage.sql.exec("SELECT 1 FROM pending_event").toArray().length;
    return { messages, kept, nextSend: pending.nextSend(now) ?? null };
  }
}

function aDenial(request: string) {
  return newEvent("inference.denied", {
    id: request,
    tenant: "t_eu_1",
    now: 0,
    data: {
      request,
      key: "key_eu_1",
      model: "m",
      purpose: "chat",
      subject: null,
      country: null,
      policy_version: 1,
      code: "insufficient_quota",
      param: null,
      considered: [],
    },
  });
}

interface Env {
  STATE: DurableObjectNamespace<GateState>;
}

/** One object for each path. */
export default {
  fetch: (request, env) => env.STATE.getByName(new URL(request.url).pathname).fetch(request),
} satisfies ExportedHandler<Env>;
