import { isEventType, subscribersOf, type AnyEvent } from "./catalogue.ts";
import { MAX_EVENTS_PER_PACK, MAX_PACK_BYTES, messageIdOf, type Pack } from "./envelope.ts";
import { inboxOf, type InboxBindings, type WorkerName } from "./workers.ts";

// A send that hangs would outlive the 30 seconds that a request's waitUntil has (workerd issue 6053).
const SEND_TIMEOUT_MS = 5_000;
const SEND_ATTEMPTS = 3;
// Queues count about 100 bytes of their own per message.
const QUEUE_METADATA_BYTES = 100;

export interface PublishOptions {
  /** How long one attempt may take. */
  timeoutMs?: number;
}

/**
 * Packs events in order: up to 100 and 64 KB each. `packId` names the n-th pack; the same events must give the same names.
 * An event that fits into no pack is refused: it could never be sent.
 */
export function packEvents(events: readonly AnyEvent[], born: Pack["born"], packId: (index: number) => string): Pack[] {
  const packs: Pack[] = [];
  let pack: Pack = { v: 1, id: packId(0), born, events: [] };
  let bytes = bytesOf(pack) + QUEUE_METADATA_BYTES;
  for (const event of events) {
    const size = bytesOf(event) + 1;
    if (pack.events.length === MAX_EVENTS_PER_PACK || (pack.events.length > 0 && bytes + size > MAX_PACK_BYTES)) {
      packs.push(pack);
      pack = { v: 1, id: packId(packs.length), born, events: [] };
      bytes = bytesOf(pack) + QUEUE_METADATA_BYTES;
    }
    if (bytes + size > MAX_PACK_BYTES) throw new Error(`Event ${event.type} ${event.id} has ${size} bytes: more than one message holds`);
    pack.events.push(event);
    bytes += size;
  }
  if (pack.events.length > 0) packs.push(pack);
  return packs;
}

/**
 * Sends packs to the inbox of every subscriber of their events. Throws when a queue keeps refusing, after the others were served:
 * the caller holds the packs in a durable place (object storage) and tries again; subscribers that have them already drop them.
 */
export async function publish(env: InboxBindings, packs: readonly Pack[], options: PublishOptions = {}): Promise<void> {
  const sends = subscribersOfPacks(packs).map(async (worker) => {
    for (const pack of packs) {
      const part = partFor(pack, worker);
      if (part) await sendToInbox(env, worker, part, options);
    }
  });
  throwFailures(await Promise.allSettled(sends));
}

export function subscribersOfPacks(packs: readonly Pack[]): WorkerName[] {
  const workers = new Set<WorkerName>();
  for (const { type } of packs.flatMap((pack) => pack.events)) {
    // Without subscribers the event would vanish.
    if (!isEventType(type)) throw new Error(`Event type ${type} is not in the catalogue`);
    for (const worker of subscribersOf(type)) workers.add(worker);
  }
  return [...workers];
}

/** The events of a pack that a worker reads, under the id of the pack; undefined when there are none. */
export function partFor(pack: Pack, worker: WorkerName): Pack | undefined {
  const events = pack.events.filter(({ type }) => isEventType(type) && subscribersOf(type).includes(worker));
  return events.length > 0 ? { ...pack, events } : undefined;
}

/** Sends one message, in a few attempts that each have a timeout. */
export async function sendToInbox(
  env: InboxBindings,
  worker: WorkerName,
  body: unknown,
  { timeoutMs = SEND_TIMEOUT_MS }: PublishOptions = {},
): Promise<void> {
  let failure: unknown;
  for (let attempt = 0; attempt < SEND_ATTEMPTS; attempt++) {
    try {
      await withTimeout(inboxOf(env, worker).send(body, { contentType: "json" }), timeoutMs);
      return;
    } catch (error) {
      failure = error;
    }
  }
  throw new Error(`The inbox of ${worker} refused message ${messageIdOf(body) ?? "without id"} ${SEND_ATTEMPTS} times`, { cause: failure });
}

/** Throws what failed, once everything has been tried. */
export function throwFailures(results: readonly PromiseSettledResult<unknown>[]): void {
  const failures = results.flatMap((result): unknown[] => (result.status === "rejected" ? [result.reason] : []));
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join("; "));
}

function bytesOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value)).length;
}

async function withTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
