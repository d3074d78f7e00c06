import { integer } from "drizzle-orm/sqlite-core";

/** Sums of requests and of tokens in disjoint buckets, as both the roll-ups and what is rated keep them. */
export function tokenColumns() {
  return {
    requests: integer().notNull(),
    input: integer().notNull(),
    cachedInput: integer("cached_input").notNull(),
    cacheWrite: integer("cache_write").notNull(),
    output: integer().notNull(),
    reasoning: integer().notNull(),
    audio: integer().notNull(),
    image: integer().notNull(),
  };
}
