/** What a worker's log may say: routes as templates, ids of messages, causes. Never a path, a key, a reference or content. */
export interface LogEntry {
  level: "error" | "warn";
  what: string;
  route?: string;
  message?: string;
  attempts?: number;
  cause?: string;
}

/** The one place where a worker writes a log line: one line of JSON. */
export function log(entry: LogEntry): void {
  // oxlint-disable-next-line no-console
  console[entry.level](JSON.stringify(entry));
}

export function causeOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
