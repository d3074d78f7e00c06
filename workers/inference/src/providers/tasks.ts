import type { DeploymentRoute } from "../snapshot.ts";
import { workersAiTask } from "./catalogue.ts";

/** What a model is asked to do. */
export type Task = "chat" | "embeddings";

const WORKERS_AI_TASKS: Partial<Record<string, Task>> = { "text-generation": "chat", "text-embeddings": "embeddings" };

/** What Workers AI calls a task, as far as a model of this cell can have it; undefined for any other. */
export function taskOfWorkersAi(name: string): Task | undefined {
  return WORKERS_AI_TASKS[name];
}

/** Whether a deployment does a task; undefined where only its provider knows. */
export function doesTask(
  { provider, upstreamModel }: Pick<DeploymentRoute, "provider" | "upstreamModel">,
  task: Task,
): boolean | undefined {
  if (provider === "embedded") return (upstreamModel === "weir-embed" ? "embeddings" : "chat") === task;
  if (provider === "openai-compatible") return undefined;
  const name = workersAiTask(upstreamModel);
  return name === undefined ? undefined : taskOfWorkersAi(name) === task;
}
