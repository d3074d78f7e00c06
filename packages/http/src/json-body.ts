import { WeirError } from "@weir/domain/errors";

/** Parses a JSON body; a broken one is refused with the line and column where reading stopped. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = positionOf(error, text);
    const before = text.slice(0, position);
    const line = before.split("\n").length;
    const column = position - before.lastIndexOf("\n");
    throw new WeirError("malformed_json", `The body is not valid JSON: reading stopped at line ${line}, column ${column}.`, {
      extra: { line, column },
    });
  }
}

function positionOf(error: unknown, text: string): number {
  const found = error instanceof Error ? /at position (\d+)/.exec(error.message)?.[1] : undefined;
  // V8 gives no position when the text simply ends too early.
  return found === undefined ? text.length : Number(found);
}
