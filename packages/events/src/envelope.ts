import { z } from "zod";

const MAX_ID_LENGTH = 128;

/** CloudEvents 1.0 (cloudevents.io), JSON format. `id` is unique within `source`; `subject` is the tenant. */
export const envelope = z.strictObject({
  specversion: z.literal("1.0"),
  id: z.string().min(1).max(MAX_ID_LENGTH),
  source: z.string().min(1),
  type: z.string().min(1),
  time: z.iso.datetime(),
  subject: z.string().min(1),
  datacontenttype: z.literal("application/json"),
  data: z.record(z.string(), z.unknown()),
});

export type Envelope = z.infer<typeof envelope>;

export const MAX_EVENTS_PER_PACK = 100;
// Cloudflare bills each started 64 KB of a message and refuses 128 KB (1 KB = 1000 bytes).
export const MAX_PACK_BYTES = 64_000;

/**
 * What travels in one queue message: up to 100 events of one sender, at most 64 KB.
 * `born` says where the events rest until they are recorded: in the D1 outbox, whose sweep waits for every
 * subscriber's inbox row; or in a Durable Object, whose subscribers deduplicate by event id and write no row.
 */
export const packSchema = z.strictObject({
  v: z.literal(1),
  id: z.string().min(1).max(MAX_ID_LENGTH),
  born: z.enum(["outbox", "object"]),
  events: z.array(envelope).min(1).max(MAX_EVENTS_PER_PACK),
});

export type Pack = z.infer<typeof packSchema>;

/** The id of a message, even where the rest of it cannot be read. */
export function messageIdOf(body: unknown): string | null {
  return typeof body === "object" && body !== null && "id" in body && typeof body.id === "string" ? body.id : null;
}
