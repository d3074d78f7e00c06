import { WeirError } from "@weir/domain/errors";
import { jsonFault } from "./json-fault.ts";

/** Parses a JSON body; a broken one is refused with the line and column where reading stopped. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const position = jsonFault(text);
    const before = text.slice(0, position);
    const line = before.split("\n").length;
    const column = position - before.lastIndexOf("\n");
    throw new WeirError("malformed_json", `The body is not valid JSON: reading stopped at line ${line}, column ${column}.`, {
      extra: { line, column },
    });
  }
}
