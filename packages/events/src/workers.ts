/** The workers of a cell. Each has one inbox queue. */
export const WORKERS = ["inference", "metering", "billing", "privacy", "compliance"] as const;
export type WorkerName = (typeof WORKERS)[number];

export type InboxBindings = { [Worker in WorkerName as `INBOX_${Uppercase<Worker>}`]: Queue };

const INBOX_BINDINGS: Record<WorkerName, keyof InboxBindings> = {
  inference: "INBOX_INFERENCE",
  metering: "INBOX_METERING",
  billing: "INBOX_BILLING",
  privacy: "INBOX_PRIVACY",
  compliance: "INBOX_COMPLIANCE",
};

export function inboxOf(env: InboxBindings, worker: WorkerName): Queue {
  return env[INBOX_BINDINGS[worker]];
}
