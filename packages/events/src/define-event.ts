import type { z } from "zod";
import type { WorkerName } from "./workers.ts";

/** One entry of the catalogue: its shape, who sends it, who reads it besides compliance, which reads all. */
export interface EventDefinition<Type extends string = string, Schema extends z.ZodType = z.ZodType> {
  type: Type;
  from: WorkerName;
  readBy: readonly WorkerName[];
  schema: Schema;
  example: z.infer<Schema>;
}

export function defineEvent<const Type extends string, Schema extends z.ZodType>(
  definition: EventDefinition<Type, Schema>,
): EventDefinition<Type, Schema> {
  return definition;
}
