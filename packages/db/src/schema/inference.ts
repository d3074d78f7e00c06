import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

// Written by inference only.

export const model = sqliteTable(
  "model",
  {
    tenant: text().notNull(),
    id: text().notNull(),
    name: text().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.id] })],
);

export const deployment = sqliteTable(
  "deployment",
  {
    id: text().primaryKey(),
    tenant: text().notNull(),
    model: text().notNull(),
    provider: text({ enum: ["embedded", "openai-compatible", "workers-ai"] }).notNull(),
    baseUrl: text("base_url"),
    /** The upstream's credential, sealed under the cell's key; write-only. */
    credentialSealed: text("credential_sealed"),
    upstreamModel: text("upstream_model").notNull(),
    maxOutputTokens: integer("max_output_tokens").notNull(),
    region: text().notNull(),
    /** JSON array of codes. */
    storesIn: text("stores_in").notNull(),
    /** JSON array of codes; null: not known. */
    logsIn: text("logs_in"),
    retentionDays: integer("retention_days"),
    trainsOnContent: text("trains_on_content", { enum: ["true", "false", "unknown"] }).notNull(),
    subprocessor: text(),
    transfer: text(),
    priceVersion: text("price_version").notNull(),
    weight: integer().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [index("deployment_tenant").on(table.tenant, table.model)],
);

/** Never changed, never deleted: usage and invoices point at it. */
export const priceVersion = sqliteTable("price_version", {
  id: text().primaryKey(),
  tenant: text().notNull(),
  deployment: text().notNull(),
  model: text().notNull(),
  region: text().notNull(),
  /** JSON: what the tenant's customers are charged, per token bucket. */
  price: text().notNull(),
  /** JSON: what the provider charges. */
  cost: text().notNull(),
  createdAt: integer("created_at").notNull(),
});
