import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";

// Written by privacy only. A tenant's own reference to a person rests nowhere in clear: a keyed index finds it, a sealed value keeps it.

export const subject = sqliteTable(
  "subject",
  {
    id: text().primaryKey(),
    tenant: text().notNull(),
    /** HMAC-SHA-256 of the reference under the tenant's index key, hex. */
    referenceIndex: text("reference_index").notNull(),
    /** The reference, sealed under the cell's key. */
    referenceSealed: text("reference_sealed").notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [uniqueIndex("subject_reference").on(table.tenant, table.referenceIndex)],
);

export const purpose = sqliteTable(
  "purpose",
  {
    tenant: text().notNull(),
    id: text().notNull(),
    /** JSON: basis, special category, references; what the controller recorded. */
    body: text().notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.id] })],
);

export const notice = sqliteTable(
  "notice",
  {
    tenant: text().notNull(),
    /** SHA-256 of the text's UTF-8 bytes, hex. */
    hash: text().notNull(),
    language: text().notNull(),
    /** The exact text that was shown. */
    text: text().notNull(),
    /** JSON array of purpose ids. */
    purposes: text().notNull(),
    change: text({ enum: ["material", "editorial"] }).notNull(),
    version: integer().notNull(),
    publishedAt: integer("published_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenant, table.hash] }), uniqueIndex("notice_version").on(table.tenant, table.version)],
);

/** Append-only: each choice as it was made. */
export const consentRecord = sqliteTable(
  "consent_record",
  {
    id: text().primaryKey(),
    tenant: text().notNull(),
    subject: text().notNull(),
    purpose: text().notNull(),
    decision: text({ enum: ["given", "refused", "withdrawn", "objected", "restricted", "resumed"] }).notNull(),
    /** Hash of the notice that was shown; null for what needs none (withdrawal, objection, restriction). */
    notice: text(),
    noticeVersion: integer("notice_version"),
    provenance: text({ enum: ["hosted_dialogue", "subject_token", "app_asserted", "imported"] }).notNull(),
    validUntil: integer("valid_until"),
    recordedAt: integer("recorded_at").notNull(),
    /** Order of recording within the tenant; two choices of one millisecond still have an order. */
    sequence: integer().notNull(),
  },
  (table) => [
    index("consent_record_subject").on(table.tenant, table.subject, table.purpose, table.sequence),
    uniqueIndex("consent_record_sequence").on(table.tenant, table.sequence),
  ],
);

/** One row a tenant: residency policy and privacy policy, as JSON, with the number of its version. */
export const privacyPolicy = sqliteTable("privacy_policy", {
  tenant: text().primaryKey(),
  residency: text(),
  policy: text(),
  version: integer().notNull(),
  updatedAt: integer("updated_at").notNull(),
});
