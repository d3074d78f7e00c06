import { concatBytes, equalBytes } from "../encoding/bytes.ts";
import { jcsBytes } from "../encoding/jcs.ts";
import { toUtf8 } from "../encoding/utf8.ts";

/** Bytes of a subject's key, an event's salt and a commitment. */
export const SECRET_BYTES = 32;

const HMAC = { name: "HMAC", hash: "SHA-256" };
const EVENT_KEY_LABEL = toUtf8("weir/event/v1\0");

/** What opens a commitment. All of it is private, and erased with the person. */
export interface Opening {
  /**
   * K: 32 random bytes of the event's subject, or of its tenant when it has none. Random, never derived from a master
   * key: what can be derived again cannot be erased.
   */
  key: Uint8Array;
  eventId: string;
  /** r_e: 32 random bytes of this event. */
  salt: Uint8Array;
  /** The event, as JSON. */
  payload: unknown;
}

/** r_e: 32 random bytes, new for each event. */
export function newEventSalt(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
}

/**
 * K_e = HMAC-SHA-256(K, "weir/event/v1\0" ‖ event_id ‖ r_e): opens one event of a subject, and tells nothing of K.
 * A RangeError when K or r_e is not 32 bytes: HMAC pads short keys with zeroes, so two keys would open one commitment.
 */
export function eventKey({ key, eventId, salt }: Omit<Opening, "payload">): Promise<Uint8Array> {
  requireSecret("key", key);
  // The salt has a fixed length, so no two pairs of event id and salt give the same message.
  requireSecret("salt", salt);
  if (eventId === "" || !eventId.isWellFormed()) throw new RangeError("an event id is well-formed text, and not empty");
  return hmac(key, concatBytes(EVENT_KEY_LABEL, toUtf8(eventId), salt));
}

/**
 * c = HMAC-SHA-256(K_e, JCS(payload)), 32 bytes. Whoever lacks K or r_e cannot test a guess of the payload, and once
 * they are destroyed nobody can. Throws `unprocessable` when the payload is not JSON.
 */
export async function commit(opening: Opening): Promise<Uint8Array> {
  return commitWith(await eventKey(opening), opening.payload);
}

/** `commit`, for one who was given K_e alone: it opens this event and no other. A RangeError when K_e is not 32 bytes. */
export function commitWith(keyOfEvent: Uint8Array, payload: unknown): Promise<Uint8Array> {
  requireSecret("event key", keyOfEvent);
  return hmac(keyOfEvent, jcsBytes(payload));
}

/** True when the opening is what was committed to. False, never an error, for an opening of another shape. */
export async function verifyOpening(commitment: Uint8Array, opening: Opening): Promise<boolean> {
  try {
    return equalBytes(await commit(opening), commitment);
  } catch {
    return false;
  }
}

async function hmac(key: Uint8Array, message: Uint8Array): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey("raw", key, HMAC, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign(HMAC, imported, message));
}

function requireSecret(what: string, bytes: Uint8Array): void {
  if (bytes.length !== SECRET_BYTES) throw new RangeError(`the ${what} has ${SECRET_BYTES} bytes, not ${bytes.length}`);
}
