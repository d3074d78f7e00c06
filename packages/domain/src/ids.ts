import { BASE32_CHARACTERS, toBase32 } from "./base32.ts";
import { isCell, type Cell } from "./cells.ts";

/** Every public id: prefix, cell, 16 random bytes in base32. The prefix says what it names, the cell where it lives. */
export const ID_PREFIXES = {
  tenant: "t",
  key: "key",
  log: "log",
  request: "req",
  event: "evt",
  deployment: "dep",
  price: "price",
  subject: "sub",
  consent: "con",
  transaction: "tx",
  message: "msg",
  grant: "grant",
  deadLetter: "dead",
} as const;
export type IdKind = keyof typeof ID_PREFIXES;

const RANDOM_PART = new RegExp(`^${BASE32_CHARACTERS}{26}$`);

export function newId(kind: IdKind, cell: Cell): string {
  return `${ID_PREFIXES[kind]}_${cell}_${randomPart()}`;
}

/** 16 random bytes as 26 characters. */
export function randomPart(): string {
  return toBase32(crypto.getRandomValues(new Uint8Array(16)));
}

/** Takes an id apart; undefined when it is not one of ours. */
export function parseId(id: string): { kind: IdKind; cell: Cell; random: string } | undefined {
  const [prefix, cell, random, ...rest] = id.split("_");
  if (rest.length > 0 || random === undefined || !isCell(cell) || !RANDOM_PART.test(random)) return undefined;
  const kind = Object.keys(ID_PREFIXES).find((known): known is IdKind => isKind(known) && ID_PREFIXES[known] === prefix);
  return kind === undefined ? undefined : { kind, cell, random };
}

function isKind(name: string): name is IdKind {
  return Object.hasOwn(ID_PREFIXES, name);
}

export function isId(kind: IdKind, id: string): boolean {
  return parseId(id)?.kind === kind;
}

/** A tenant has one audit log; the log's id is the tenant's with another prefix, so neither needs a look-up. */
export function logOfTenant(tenant: string): string {
  return tenant.replace(/^t_/, "log_");
}

export function tenantOfLog(log: string): string {
  return log.replace(/^log_/, "t_");
}
