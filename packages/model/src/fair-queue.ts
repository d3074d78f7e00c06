/** What a waiter brings from its own request. */
export interface QueueHost {
  /** Milliseconds, from a clock that all waiters share. */
  now: () => number;
  /** A timer of the waiter's own request, such as `scheduler.wait`. */
  sleep: (ms: number) => Promise<void>;
  /** Leaves the queue when aborted. */
  signal?: AbortSignal;
}

export interface FairQueueOptions {
  /** Waiters beyond this are turned away. The holder does not count. Default 64. */
  maxWaiting?: number;
  /** How often a waiter looks whether it is its turn. Default 5 ms. */
  pollMs?: number;
  /** A holder that has not called refresh() for this long has died with its request. Default 5,000 ms. */
  holderTimeoutMs?: number;
  /** The same for a waiter, which refreshes itself at every poll. Default 1,000 ms. */
  waiterTimeoutMs?: number;
}

/** The right to run. */
export interface Lease {
  /** Says that the holder is alive. @throws {LeaseLostError} when it was silent so long that another one runs now */
  refresh(): void;
  /** Gives the turn away. Safe to call twice, and after the lease is lost. */
  release(): void;
}

export type Acquired = { acquired: true; lease: Lease } | { acquired: false; reason: "overloaded"; waiting: number };

/** The holder was silent for longer than the timeout and its turn was given to the next. */
export class LeaseLostError extends Error {
  override readonly name = "LeaseLostError";
}

interface Ticket {
  key: string;
  order: number;
  seenMs: number;
}

/**
 * One holder at a time; round robin over keys (tenants), first in first out within a key, bounded depth.
 *
 * The queue holds plain data and no promises. In workerd a request must not resolve a promise another request awaits: the waiter may hang,
 * and it dies with the request that would wake it. So each waiter polls with its own timer, and silence is how the queue learns that a
 * request was cancelled, since workerd may drop a cancelled request without running its `finally`.
 */
export class FairQueue {
  readonly #maxWaiting: number;
  readonly #pollMs: number;
  readonly #holderTimeoutMs: number;
  readonly #waiterTimeoutMs: number;
  // A Map keeps insertion order: its first key is next, a served key is put back at the end.
  readonly #waiting = new Map<string, Ticket[]>();
  #holder: Ticket | undefined;
  #nextOrder = 0;

  constructor(options: FairQueueOptions = {}) {
    this.#maxWaiting = options.maxWaiting ?? 64;
    this.#pollMs = options.pollMs ?? 5;
    this.#holderTimeoutMs = options.holderTimeoutMs ?? 5000;
    this.#waiterTimeoutMs = options.waiterTimeoutMs ?? 1000;
  }

  /** How many wait for their turn. */
  get waiting(): number {
    let count = 0;
    for (const tickets of this.#waiting.values()) count += tickets.length;
    return count;
  }

  /**
   * Waits for the turn of `key`. Release the lease in a `finally`, and refresh it while working.
   * @throws the signal's reason when it aborts first
   */
  async acquire(key: string, host: QueueHost): Promise<Acquired> {
    host.signal?.throwIfAborted();
    this.#dropDead(host.now());
    const idle = this.#holder === undefined && this.waiting === 0;
    if (!idle && this.waiting >= this.#maxWaiting) return { acquired: false, reason: "overloaded", waiting: this.waiting };

    const ticket: Ticket = { key, order: this.#nextOrder++, seenMs: host.now() };
    try {
      for (;;) {
        ticket.seenMs = host.now();
        // A stalled isolate makes every waiter look dead to the first that wakes: those dropped by mistake take their place again.
        this.#join(ticket);
        this.#dropDead(ticket.seenMs);
        if (this.#tryTake(ticket)) return { acquired: true, lease: this.#lease(ticket, host.now) };
        await host.sleep(this.#pollMs);
        host.signal?.throwIfAborted();
      }
    } finally {
      if (this.#holder !== ticket) this.#leave(ticket);
    }
  }

  #join(ticket: Ticket): void {
    const tickets = this.#waiting.get(ticket.key);
    if (!tickets) this.#waiting.set(ticket.key, [ticket]);
    else if (!tickets.includes(ticket)) {
      tickets.push(ticket);
      tickets.sort((a, b) => a.order - b.order);
    }
  }

  #leave(ticket: Ticket): void {
    const tickets = this.#waiting.get(ticket.key);
    const at = tickets?.indexOf(ticket) ?? -1;
    if (at >= 0) tickets?.splice(at, 1);
    if (tickets?.length === 0) this.#waiting.delete(ticket.key);
  }

  #tryTake(ticket: Ticket): boolean {
    if (this.#holder) return false;
    const [first] = this.#waiting.entries();
    if (!first || first[1][0] !== ticket) return false;
    const [key, tickets] = first;
    tickets.shift();
    this.#waiting.delete(key);
    if (tickets.length > 0) this.#waiting.set(key, tickets);
    this.#holder = ticket;
    return true;
  }

  #dropDead(nowMs: number): void {
    if (this.#holder && nowMs - this.#holder.seenMs > this.#holderTimeoutMs) this.#holder = undefined;
    for (const [key, tickets] of this.#waiting) {
      const alive = tickets.filter((ticket) => nowMs - ticket.seenMs <= this.#waiterTimeoutMs);
      if (alive.length === 0) this.#waiting.delete(key);
      // Setting an existing key keeps its place in the round.
      else if (alive.length < tickets.length) this.#waiting.set(key, alive);
    }
  }

  #lease(ticket: Ticket, now: () => number): Lease {
    return {
      refresh: () => {
        if (this.#holder !== ticket) throw new LeaseLostError("The turn was given to another request after too long a silence.");
        ticket.seenMs = now();
      },
      release: () => {
        if (this.#holder === ticket) this.#holder = undefined;
      },
    };
  }
}
