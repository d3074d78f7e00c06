import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

// The event pipeline's own tables. Each row belongs to the worker that it names; only that worker writes it.

/** Packs of events that a change caused, written in the same batch as the change. A row lives until every subscriber has recorded it. */
export const outbox = sqliteTable(
  "outbox",
  {
    id: text().primaryKey(),
    worker: text().notNull(),
    /** JSON array of worker names. */
    subscribers: text().notNull(),
    /** The pack, exactly as it is sent. */
    body: text().notNull(),
    createdAt: integer("created_at").notNull(),
    /** Last time it was sent, ms; null: not yet. */
    sentAt: integer("sent_at"),
  },
  (table) => [index("outbox_due").on(table.worker, table.sentAt)],
);

/** Messages whose effect a worker has committed. Written in the batch of the effect; older than the queue's retention, swept. */
export const inbox = sqliteTable(
  "inbox",
  {
    worker: text().notNull(),
    messageId: text("message_id").notNull(),
    seenAt: integer("seen_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.worker, table.messageId] })],
);

/** Messages that could not be read or handled, kept whole until somebody replays them. */
export const deadLetter = sqliteTable(
  "dead_letter",
  {
    /** Made from worker and message, so that the same message given up twice is one row. */
    id: text().primaryKey(),
    worker: text().notNull(),
    /** Id of the pack, where it could be read. */
    messageId: text("message_id"),
    /** The message, byte for byte as text: replay sends it unchanged. */
    body: text().notNull(),
    reason: text().notNull(),
    receivedAt: integer("received_at").notNull(),
    replayedAt: integer("replayed_at"),
    replays: integer()
      .notNull()
      .default(sql`0`),
  },
  (table) => [index("dead_letter_message").on(table.worker, table.messageId)],
);
