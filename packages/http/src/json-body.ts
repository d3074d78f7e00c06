import { WeirError } from "@weir/domain/errors";
import { jsonFault } from "./json-fault.ts";

/** Parses a JSON body; a broken one is refused with the line and column where reading stopped. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const position = jsonFault(text);
    let line = 1;
    let lineStart = 0;
    for (let next = text.indexOf("\n"); next !== -1 && next < position; next = text.indexOf("\n", lineStart)) {
      line++;
      lineStart = next + 1;
    }
    const column = position - lineStart + 1;
    throw new WeirError("malformed_json", `The body is not valid JSON: reading stopped at line ${line}, column ${column}.`, {
      extra: { line, column },
    });
  }
}
