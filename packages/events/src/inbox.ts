import type { z } from "zod";
import { CATALOGUE, isEventType, type AnyEvent, type EventType, type WeirEvent } from "./catalogue.ts";
import { deadLetterStatement } from "./dead-letter.ts";
import { messageIdOf, packSchema, type Envelope, type Pack } from "./envelope.ts";
import type { Trace } from "./outbox.ts";
import type { WorkerName } from "./workers.ts";

export interface InboxContext {
  now: number;
  /** Id of the message: the same on every delivery. */
  messageId: string;
  born: Pack["born"];
}

/**
 * Handles the events of one type that came in one message. What it writes to D1 it returns as statements: they are committed
 * together with the record that the message was seen. What it does elsewhere (a Durable Object) must itself be idempotent.
 */
export type Handler<Type extends EventType> = (events: WeirEvent<Type>[], context: InboxContext) => Promise<D1PreparedStatement[]>;
export type Handlers = { [Type in EventType]?: Handler<Type> };

/** A handler for a worker that treats all events alike, as compliance does. */
export type PackHandler = (events: AnyEvent[], context: InboxContext) => Promise<D1PreparedStatement[]>;

export interface ConsumeOptions {
  db: D1Database;
  worker: WorkerName;
  now: number;
  handle: PackHandler;
  /** Told why a message will be retried, for the log. */
  onFailure?: (failure: Failure) => void;
  /** Told the id of a message born in an object once it is recorded or kept as a dead letter: the object need not keep it any more. */
  confirm?: (messageId: string) => Promise<void>;
  trace?: Trace;
}

export interface Failure {
  messageId: string;
  attempts: number;
  error: unknown;
}

/**
 * Consumes a batch of an inbox queue. Queues deliver at least once and in any order: a message that was seen is acknowledged
 * and does nothing; one that cannot be read goes to the dead letters at once (retries would not mend it); one whose handling
 * failed is retried alone, later and later, without holding up its neighbours.
 */
export async function consumeInbox(batch: MessageBatch, options: ConsumeOptions): Promise<void> {
  for (const message of batch.messages) {
    try {
      await consumeMessage(message, options);
      message.ack();
    } catch (error) {
      options.onFailure?.({ messageId: messageIdOf(message.body) ?? message.id, attempts: message.attempts, error });
      message.retry({ delaySeconds: Math.min(900, 2 ** Math.min(message.attempts, 10)) });
    }
  }
}

async function consumeMessage(message: Message, options: ConsumeOptions): Promise<void> {
  const { db, worker, now, handle, confirm, trace = () => {} } = options;
  const read = readPack(message.body);
  trace("read");
  if ("problem" in read) {
    const dead = await deadLetterStatement(db, { worker, body: message.body, reason: read.problem, now });
    await db.batch([dead]);
    trace("given up");
    await confirm?.(messageIdOf(message.body) ?? "");
    return;
  }
  const context: InboxContext = { now, messageId: read.pack.id, born: read.pack.born };
  const effects = await handle(read.events, context);
  trace("handled");
  // A pack from an object, whose effect is in an object too, needs no row here: that object has recorded it.
  if (effects.length === 0 && read.pack.born === "object") {
    await confirm?.(read.pack.id);
    trace("confirmed");
    return;
  }
  const seen = db.prepare("INSERT INTO inbox (worker, message_id, seen_at) VALUES (?, ?, ?)").bind(worker, read.pack.id, now);
  try {
    // The record comes first: a message that was seen breaks its key, and the whole batch is rolled back.
    await db.batch([seen, ...effects]);
  } catch (error) {
    if (!isSeenBefore(error)) throw error;
  }
  trace("recorded");
  if (read.pack.born === "object") await confirm?.(read.pack.id);
}

/** Dispatches to one handler per event type; types without a handler are recorded and otherwise ignored. */
export function dispatch(handlers: Handlers): PackHandler {
  return async (events, context) => {
    const statements: D1PreparedStatement[] = [];
    for (const type of new Set(events.map((event) => event.type))) {
      statements.push(...(await callHandler(handlers, type, events, context)));
    }
    return statements;
  };
}

async function callHandler<Type extends EventType>(handlers: Pick<Handlers, Type>, type: Type, events: AnyEvent[], context: InboxContext) {
  const handler: Handlers[Type] = handlers[type];
  if (!handler) return [];
  return handler(
    events.filter((event): event is Extract<AnyEvent, WeirEvent<Type>> => event.type === type),
    context,
  );
}

type ReadPack = { pack: Pack; events: AnyEvent[] } | { problem: string };

/** Reads a message: every event of a known type and of exactly its shape, or none. */
export function readPack(body: unknown): ReadPack {
  const parsed = packSchema.safeParse(body);
  if (!parsed.success) return { problem: `Not a pack: ${describe(parsed.error)}` };
  const problems: string[] = [];
  const events = parsed.data.events.filter((event): event is Envelope & AnyEvent => {
    const problem = problemOf(event);
    if (problem !== undefined) problems.push(problem);
    return problem === undefined;
  });
  const [problem] = problems;
  return problem === undefined ? { pack: parsed.data, events } : { problem };
}

function problemOf(event: Envelope): string | undefined {
  if (!isEventType(event.type)) return `Unknown event type ${event.type}`;
  const schema: z.ZodType = CATALOGUE[event.type].schema;
  const data = schema.safeParse(event.data);
  return data.success ? undefined : `${event.type} ${event.id}: ${describe(data.error)}`;
}

function describe(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue ? `${issue.path.join(".") || "message"}: ${issue.message}` : "unreadable";
}

function isSeenBefore(error: unknown): boolean {
  return error instanceof Error && error.message.includes("UNIQUE constraint failed: inbox.");
}
