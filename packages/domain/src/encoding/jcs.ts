import { WeirError } from "../errors.ts";
import { toUtf8 } from "./utf8.ts";

/** Far deeper than any payload, and far from the end of the stack: a value that holds itself is refused, too. */
const MAX_DEPTH = 256;

/**
 * RFC 8785 (JSON Canonicalization Scheme): one text per JSON value, whatever the order of its members.
 * `JSON.stringify` already writes numbers and strings as §3.2.2 asks; what is ours is the order and the refusals.
 *
 * What JSON cannot carry is refused, never dropped: a member that vanished would leave a commitment to something else.
 * Throws `unprocessable` with the path of the value at fault for NaN, infinities, undefined (a hole in an array, too),
 * bigints, functions, symbols, lone surrogates, objects of a class (dates, maps, byte arrays) and nesting beyond 256.
 */
export function jcs(value: unknown): string {
  return write(value, "$", 0);
}

/** The canonical text as UTF-8: what is hashed and signed. */
export function jcsBytes(value: unknown): Uint8Array {
  return toUtf8(jcs(value));
}

function write(value: unknown, path: string, depth: number): string {
  if (depth > MAX_DEPTH) throw refusal(path.slice(0, 200), "is nested too deeply");
  if (value === null) return "null";
  switch (typeof value) {
    case "boolean":
      return value ? "true" : "false";
    case "number":
      if (!Number.isFinite(value)) throw refusal(path, `is ${value}`);
      return JSON.stringify(value);
    case "string":
      return writeString(value, path);
    case "object":
      return Array.isArray(value) ? writeArray(value, path, depth) : writeObject(value, path, depth);
    default:
      throw refusal(path, `is of type ${typeof value}`);
  }
}

function writeString(text: string, path: string): string {
  if (!text.isWellFormed()) throw refusal(path, "holds a lone surrogate");
  return JSON.stringify(text);
}

function writeArray(items: readonly unknown[], path: string, depth: number): string {
  // Array.from visits holes, which map() would skip.
  return `[${Array.from(items, (item, i) => write(item, `${path}[${i}]`, depth + 1)).join(",")}]`;
}

function writeObject(value: object, path: string, depth: number): string {
  if (!isPlain(value)) throw refusal(path, "is an object of a class");
  // The default comparison of strings is by UTF-16 code unit, as §3.2.3 asks.
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${writeString(name, `${path}.${name}`)}:${write(member, `${path}.${name}`, depth + 1)}`).join(",")}}`;
}

/** True for `{}`, from any realm, and for objects without a prototype. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || (typeof prototype === "object" && Object.getPrototypeOf(prototype) === null);
}

function refusal(path: string, fault: string): WeirError {
  return new WeirError("unprocessable", `${path} ${fault}, which JSON cannot carry`, { param: path });
}
