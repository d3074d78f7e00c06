import type { InboxBindings, WorkerName } from "../../packages/events/src/workers.ts";

interface Waiting {
  id: string;
  body: unknown;
  attempts: number;
}

/** What a consumer did with a message. */
export interface Outcome {
  body: unknown;
  ack: boolean;
  /** Delay of the retry; undefined where the message was not retried. */
  retryAfter: number | undefined;
}

type Behaviour = "accepts" | "refuses" | "hangs";

/** A queue in memory: it keeps what was sent until a consumer acknowledges it, and misbehaves on demand. */
export class FakeQueue implements Queue {
  behaviour: Behaviour = "accepts";
  /** Every send that was tried, accepted or not. */
  tries = 0;
  waiting: Waiting[] = [];
  #sent = 0;

  send(body: unknown): Promise<QueueSendResponse> {
    this.tries++;
    if (this.behaviour === "hangs") return new Promise(() => {});
    if (this.behaviour === "refuses") return Promise.reject(new Error("Queue sends are failing"));
    this.put(body);
    return Promise.resolve({ metadata: { metrics: { backlogCount: this.waiting.length, backlogBytes: 0 } } });
  }

  async sendBatch(messages: Iterable<MessageSendRequest>): Promise<QueueSendBatchResponse> {
    for (const { body } of messages) await this.send(body);
    return { metadata: { metrics: { backlogCount: this.waiting.length, backlogBytes: 0 } } };
  }

  async metrics(): Promise<QueueMetrics> {
    return { backlogCount: this.waiting.length, backlogBytes: 0 };
  }

  /** Puts a message without a sender, as JSON carries it. */
  put(body: unknown): void {
    this.#sent++;
    this.waiting.push({ id: `message-${this.#sent}`, body: JSON.parse(JSON.stringify(body)), attempts: 0 });
  }

  get bodies(): unknown[] {
    return this.waiting.map(({ body }) => body);
  }

  /** Gives all that waits to a consumer in one batch. What it does not acknowledge, also when it throws, waits again. */
  async deliver(consume: (batch: MessageBatch) => Promise<void>, trace: (point: string) => void = () => {}): Promise<Outcome[]> {
    const delivered = this.waiting;
    this.waiting = [];
    const outcomes: Outcome[] = delivered.map(({ body }) => ({ body, ack: false, retryAfter: undefined }));
    const messages = delivered.map((waiting, index): Message => {
      waiting.attempts++;
      const settle = (outcome: Partial<Outcome>) => {
        trace("before settling");
        Object.assign(outcomes[index] ?? {}, outcome);
        trace("settled");
      };
      return {
        id: waiting.id,
        timestamp: new Date(0),
        body: waiting.body,
        attempts: waiting.attempts,
        ack: () => settle({ ack: true }),
        retry: (options) => settle({ retryAfter: options?.delaySeconds ?? 0 }),
      };
    });
    const batch: MessageBatch = {
      messages,
      queue: "inbox",
      metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } },
      ackAll: () => messages.forEach((message) => message.ack()),
      retryAll: (options) => messages.forEach((message) => message.retry(options)),
    };
    try {
      await consume(batch);
    } finally {
      this.waiting.push(...delivered.filter((_, index) => !outcomes[index]?.ack));
    }
    return outcomes;
  }
}

/** The inbox queues of a cell, in memory. */
export function fakeInboxes(): { env: InboxBindings; queue: Record<WorkerName, FakeQueue> } {
  const queue = {
    inference: new FakeQueue(),
    metering: new FakeQueue(),
    billing: new FakeQueue(),
    privacy: new FakeQueue(),
    compliance: new FakeQueue(),
  };
  return {
    queue,
    env: {
      INBOX_INFERENCE: queue.inference,
      INBOX_METERING: queue.metering,
      INBOX_BILLING: queue.billing,
      INBOX_PRIVACY: queue.privacy,
      INBOX_COMPLIANCE: queue.compliance,
    },
  };
}
