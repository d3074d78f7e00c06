import type { z } from "@hono/zod-openapi";
import { WeirError } from "@weir/domain/errors";
import { nearestNames } from "@weir/domain/inference/nearest-names";
import { invalidRequest } from "@weir/http/app";

/**
 * Reads a body in OpenAI's shape; a field that nobody knows is named with the nearest that exists. `notYet` holds OpenAI's own fields that
 * ask for something which no provider here does: named as such, not as a typing error.
 */
export function parseOpenAiRequest<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape, z.core.$strict>,
  body: unknown,
  notYet: ReadonlySet<string>,
): z.infer<typeof schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    if (issue.code !== "unrecognized_keys" || issue.path.length > 0) continue;
    for (const field of issue.keys) throw unknownField(field, Object.keys(schema.shape), notYet);
  }
  throw invalidRequest(parsed.error);
}

function unknownField(field: string, known: string[], notYet: ReadonlySet<string>): WeirError {
  if (notYet.has(field)) {
    return new WeirError("unsupported_parameter", `${field}: no deployment of this cell does this.`, { param: field });
  }
  const [nearest] = nearestNames(field, known);
  const hint = nearest === undefined ? "" : ` Did you mean \`${nearest}\`?`;
  return new WeirError("invalid_request", `${field.slice(0, 100)}: there is no such field.${hint}`, { param: field.slice(0, 100) });
}
