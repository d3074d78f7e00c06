import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { tokenColumns } from "../token-columns.ts";

// Written by metering only. Raw events live in the tenant's Meter object; here are the sums.

export const usageRollup = sqliteTable(
  "usage_rollup",
  {
    tenant: text().notNull(),
    /** Start of the minute, ms since the epoch. */
    minute: integer().notNull(),
    model: text().notNull(),
    deployment: text().notNull(),
    region: text().notNull(),
    purpose: text().notNull(),
    priceVersion: text("price_version").notNull(),
    ...tokenColumns(),
  },
  (table) => [
    primaryKey({ columns: [table.tenant, table.minute, table.model, table.deployment, table.region, table.purpose, table.priceVersion] }),
  ],
);

/** Which flush of a Meter the roll-ups hold: written in the batch of the sums, so that a flush told twice adds nothing. */
export const meterFlush = sqliteTable(
  "meter_flush",
  {
    tenant: text().notNull(),
    flush: integer().notNull(),
    flushedAt: integer("flushed_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.flush] })],
);
