import { z } from "@hono/zod-openapi";

/** Decimal text, never a JSON number: `"12.5"`. */
export const decimalText = z
  .string()
  .max(64)
  .regex(/^-?\d+(\.\d+)?$/, 'must be a decimal text such as "12.50"')
  .openapi({ example: "12.5" });
export const currencyCode = z
  .string()
  .regex(/^[A-Z]{3}$/, "must be three capital letters (ISO 4217)")
  .openapi({ example: "EUR" });
export const timestamp = z.iso.datetime({ offset: true }).openapi({ example: "2026-11-22T12:00:00Z" });
export const effective = z.object({ effective_at: timestamp.nullable() });

/** `?cursor=&limit=` of every list. */
export const pageQuery = z.strictObject({
  cursor: z.string().max(200).optional().openapi({ description: "`next_cursor` of the page before" }),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export function listOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), next_cursor: z.string().nullable() });
}
