import { BASE32_CHARACTERS } from "../base32.ts";
import { equalBytes } from "../encoding/bytes.ts";
import { fromHex, toHex } from "../encoding/hex.ts";
import { jcsBytes } from "../encoding/jcs.ts";
import { fromUtf8 } from "../encoding/utf8.ts";
import { randomPart } from "../ids.ts";
import { SECRET_BYTES } from "./commitment.ts";

const HOUR_MS = 3_600_000;
const LEAF_ID = new RegExp(`^${BASE32_CHARACTERS}{26}$`);
const TYPE = /^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*$/;
const MAX_TEXT = 128;
// The last hour of the year 9999: RFC 3339 has four digits for a year.
const MAX_TIME_MS = 253_402_300_799_999;

/** What one leaf of an audit log says. No personal data in clear; personal data until the commitment's keys are destroyed. */
export interface AuditLeaf {
  /** 128 random bits as 26 base32 characters: `newLeafId()`. Never the event's or the request's id. */
  leafId: string;
  /** The event's type: `consent.granted`. */
  type: string;
  /** Milliseconds since the epoch. The leaf keeps the hour: a finer time would help to tell people apart. */
  timeMs: number;
  /** Version of the policy that was in force; empty where none applies. At most 128 printable ASCII characters. */
  policy: string;
  /** c, 32 bytes: `commit(opening)`. */
  commitment: Uint8Array;
}

/** 128 random bits: it links to nothing but the private index. */
export function newLeafId(): string {
  return randomPart();
}

/**
 * The bytes of a leaf: JCS of `{ c, leaf_id, policy, t, type, v: 1 }`, with `c` in hex as `openssl` prints it and `t` the
 * UTC hour (`2026-11-22T02:00:00Z`). At most 600 bytes. A RangeError for a member that breaks its rule.
 */
export function auditLeaf(leaf: AuditLeaf): Uint8Array {
  const fault = faultOf(leaf);
  if (fault !== undefined) throw new RangeError(`the ${fault} of an audit leaf breaks its rule`);
  const { leafId, type, timeMs, policy, commitment } = leaf;
  return jcsBytes({ v: 1, leaf_id: leafId, type, t: utcHour(timeMs), policy, c: toHex(commitment) });
}

/** Reads the bytes of a leaf, `timeMs` being the start of its hour; undefined for any bytes that `auditLeaf` does not write. */
export function parseAuditLeaf(bytes: Uint8Array): AuditLeaf | undefined {
  const members = parseObject(bytes);
  if (members === undefined) return undefined;
  const { leaf_id: leafId, type, t, policy, c } = members;
  if (typeof leafId !== "string" || typeof type !== "string" || typeof t !== "string") return undefined;
  if (typeof policy !== "string" || typeof c !== "string") return undefined;
  const leaf: AuditLeaf = { leafId, type, timeMs: Date.parse(t), policy, commitment: fromHex(c) ?? new Uint8Array() };
  // Writing it again catches unknown members, another version, another order and another spelling.
  return faultOf(leaf) === undefined && equalBytes(auditLeaf(leaf), bytes) ? leaf : undefined;
}

function parseObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(fromUtf8(bytes) ?? "");
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

function faultOf({ leafId, type, timeMs, policy, commitment }: AuditLeaf): keyof AuditLeaf | undefined {
  if (!LEAF_ID.test(leafId)) return "leafId";
  if (type.length > MAX_TEXT || !TYPE.test(type)) return "type";
  if (!Number.isFinite(timeMs) || timeMs < 0 || timeMs > MAX_TIME_MS) return "timeMs";
  if (policy.length > MAX_TEXT || !/^[ -~]*$/.test(policy)) return "policy";
  return commitment.length === SECRET_BYTES ? undefined : "commitment";
}

function utcHour(timeMs: number): string {
  return new Date(Math.floor(timeMs / HOUR_MS) * HOUR_MS).toISOString().replace(".000Z", "Z");
}
