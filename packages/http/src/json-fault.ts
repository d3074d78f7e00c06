type Expected = "value" | "first value" | "name" | "first name" | "colon" | "next";

/**
 * The index at which a text stops being the beginning of any JSON document (RFC 8259); its length, when it only ends too early.
 * V8 says so for few faults, and quotes the text in its message for the others. Called for texts that `JSON.parse` has refused.
 * No recursion and no regular expressions: neither depth nor length of what a stranger sends may exhaust a stack.
 */
export function jsonFault(text: string): number {
  const open: ("}" | "]")[] = [];
  let expected: Expected = "value";
  let at = 0;
  for (;;) {
    while (" \t\n\r".includes(text.charAt(at)) && at < text.length) at += 1;
    const character = text.charAt(at);
    const closes = character !== "" && character === open.at(-1);
    if (closes && (expected === "next" || expected === "first name" || expected === "first value")) {
      open.pop();
      expected = "next";
      at += 1;
    } else if (expected === "next") {
      if (character !== "," || open.length === 0) return at;
      expected = open.at(-1) === "}" ? "name" : "value";
      at += 1;
    } else if (expected === "colon") {
      if (character !== ":") return at;
      expected = "value";
      at += 1;
    } else if (expected === "name" || expected === "first name") {
      if (character !== '"') return at;
      const name = readString(text, at);
      if (!name.whole) return name.end;
      expected = "colon";
      at = name.end;
    } else if (character === "{" || character === "[") {
      open.push(character === "{" ? "}" : "]");
      expected = character === "{" ? "first name" : "first value";
      at += 1;
    } else {
      const scalar = readScalar(text, at);
      if (!scalar.whole) return scalar.end;
      expected = "next";
      at = scalar.end;
    }
  }
}

/** Where a token ends; where it breaks, when it is not whole. */
interface Token {
  whole: boolean;
  end: number;
}

function readScalar(text: string, start: number): Token {
  const first = text.charAt(start);
  if (first === '"') return readString(text, start);
  if (first === "-" || isDigit(first)) return readNumber(text, start);
  const word = ["true", "false", "null"].find((known) => known.startsWith(first) && first !== "");
  if (word === undefined) return { whole: false, end: start };
  let length = 1;
  while (length < word.length && text.charAt(start + length) === word.charAt(length)) length += 1;
  return { whole: length === word.length, end: start + length };
}

function readString(text: string, start: number): Token {
  for (let at = start + 1; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '"') return { whole: true, end: at + 1 };
    if (character < " ") return { whole: false, end: at };
    if (character !== "\\") continue;
    at += 1;
    if (text.charAt(at) === "u") {
      for (const last = at + 4; at < last; at += 1) {
        if (!isHexDigit(text.charAt(at + 1))) return { whole: false, end: at + 1 };
      }
    } else if (!'"\\/bfnrt'.includes(text.charAt(at)) || at === text.length) return { whole: false, end: at };
  }
  return { whole: false, end: text.length };
}

function readNumber(text: string, start: number): Token {
  let at = text.charAt(start) === "-" ? start + 1 : start;
  // A leading zero stands alone: in `01` the number ends before the 1.
  const integer = text.charAt(at) === "0" ? at + 1 : afterDigits(text, at);
  if (integer === at) return { whole: false, end: at };
  at = integer;
  if (text.charAt(at) === ".") {
    const fraction = afterDigits(text, at + 1);
    if (fraction === at + 1) return { whole: false, end: fraction };
    at = fraction;
  }
  if (text.charAt(at).toLowerCase() !== "e") return { whole: true, end: at };
  const sign = text.charAt(at + 1);
  const digits = sign === "+" || sign === "-" ? at + 2 : at + 1;
  const exponent = afterDigits(text, digits);
  return { whole: exponent > digits, end: exponent };
}

function afterDigits(text: string, start: number): number {
  let at = start;
  while (isDigit(text.charAt(at))) at += 1;
  return at;
}

function isDigit(character: string): boolean {
  return character >= "0" && character <= "9" && character.length === 1;
}

function isHexDigit(character: string): boolean {
  return isDigit(character) || (character.length === 1 && "abcdef".includes(character.toLowerCase()));
}
