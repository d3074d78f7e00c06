import { sql } from "drizzle-orm";
import { check, index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { tokenColumns } from "../token-columns.ts";

// Written by billing only. Amounts are integers of 10^-9 of the currency's unit ("nanos"); read them as text:
// a JavaScript number is exact only to 2^53, nine million units.

export const tenant = sqliteTable("tenant", {
  id: text().primaryKey(),
  name: text().notNull(),
  durability: text({ enum: ["accounted", "write_ahead"] }).notNull(),
  createdAt: integer("created_at").notNull(),
});

export const apiKey = sqliteTable(
  "api_key",
  {
    id: text().primaryKey(),
    tenant: text().notNull(),
    name: text().notNull(),
    /** SHA-256 of the key, hex. The key itself is shown once and kept nowhere. */
    hash: text().notNull(),
    /** JSON array. */
    scopes: text().notNull(),
    /** JSON object or null. */
    limits: text(),
    expiresAt: integer("expires_at"),
    revokedAt: integer("revoked_at"),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [index("api_key_tenant").on(table.tenant)],
);

/** The balance of a tenant: derived from the ledger, changed in the same batch as the entries. */
export const wallet = sqliteTable(
  "wallet",
  {
    tenant: text().primaryKey(),
    currency: text().notNull(),
    available: integer()
      .notNull()
      .default(sql`0`),
    held: integer()
      .notNull()
      .default(sql`0`),
    spent: integer()
      .notNull()
      .default(sql`0`),
    /** What is charged but smaller than a nano: 0 to 999 of 10^-12, carried to the next settlement. */
    remainderPicos: integer("remainder_picos")
      .notNull()
      .default(sql`0`),
  },
  (table) => [
    // The last fence against overspending: a batch that would break it is rolled back whole.
    check("wallet_never_negative", sql`${table.available} >= 0 AND ${table.held} >= 0`),
    // A sum beyond 64 bits would go on in floating point without a word.
    check("wallet_within_64_bits", sql`${table.available} + ${table.held} + ${table.spent} <= 9000000000000000000`),
  ],
);

/** Append-only. The id is the idempotency key: the same movement told twice is one row. */
export const ledgerTransaction = sqliteTable(
  "ledger_transaction",
  {
    id: text().primaryKey(),
    tenant: text().notNull(),
    kind: text({ enum: ["grant", "reserve", "release", "settle"] }).notNull(),
    currency: text().notNull(),
    amount: integer().notNull(),
    /** What caused it: a grant's kind, a Gate's reservation, a price version. */
    reference: text().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [index("ledger_transaction_tenant").on(table.tenant, table.createdAt)],
);

/** The two sides of each transaction; their sum is zero. */
export const ledgerEntry = sqliteTable(
  "ledger_entry",
  {
    transaction: text().notNull(),
    account: text({ enum: ["grants_issued", "wallet_available", "wallet_held", "revenue"] }).notNull(),
    amount: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.transaction, table.account] })],
);

/** What was metered for a tenant in a month at one price: the quantities that an invoice line prices once. */
export const ratedUsage = sqliteTable(
  "rated_usage",
  {
    tenant: text().notNull(),
    /** `2026-11`, UTC. */
    month: text().notNull(),
    priceVersion: text("price_version").notNull(),
    ...tokenColumns(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.month, table.priceVersion] })],
);

/** Answers to requests that carried an Idempotency-Key, for 24 hours. Never an answer that carries a secret. */
export const idempotencyKey = sqliteTable(
  "idempotency_key",
  {
    /** Who asked: a tenant, or `operator`. */
    owner: text().notNull(),
    key: text().notNull(),
    requestHash: text("request_hash").notNull(),
    status: integer().notNull(),
    response: text().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.owner, table.key] })],
);
