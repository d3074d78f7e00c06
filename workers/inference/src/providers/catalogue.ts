import { modelMappings } from "@cloudflare/ai";

/**
 * What Cloudflare's catalogue says a Workers AI model does; undefined: the package's edition does not list it, which newer models are not.
 * Used to refuse a deployment that could answer nothing here, before it is made.
 */
export function workersAiTask(model: string): string | undefined {
  for (const [task, { models }] of Object.entries(modelMappings)) {
    if (models.some((known: string) => known === model)) return task;
  }
  return undefined;
}
