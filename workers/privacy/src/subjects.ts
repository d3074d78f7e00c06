import { keyedIndex, seal } from "@weir/domain/crypto/seal";
import { WeirError } from "@weir/domain/errors";
import { isId, newId } from "@weir/domain/ids";
import type { Env } from "./env.ts";

/** As long as the reference that a request for inference may carry. */
export const MAX_REFERENCE_LENGTH = 256;

/** The pseudonym of a person, by the tenant's own reference or by the pseudonym itself; undefined: this tenant knows nobody of that name. */
export async function findSubject(env: Env, tenant: string, name: string): Promise<string | undefined> {
  const found = isId("subject", name)
    ? env.DB.prepare("SELECT id FROM subject WHERE tenant = ? AND id = ?").bind(tenant, name)
    : env.DB.prepare("SELECT id FROM subject WHERE tenant = ? AND reference_index = ?").bind(tenant, await indexOf(env, tenant, name));
  return (await found.first<{ id: string }>())?.id;
}

/**
 * The pseudonym of a person whom the tenant names, made at the first meeting. The reference itself rests nowhere in clear. Of two first
 * meetings at once, the unique index lets one in, and both read what it left.
 */
export async function meetSubject(env: Env, tenant: string, name: string, now: number): Promise<string> {
  if (isId("subject", name)) {
    const known = await findSubject(env, tenant, name);
    if (known === undefined)
      throw new WeirError("unprocessable", "subject: no person with this pseudonym; send your own reference.", { param: "subject" });
    return known;
  }
  requireReference(name);
  const index = await indexOf(env, tenant, name);
  const [, read] = await env.DB.batch<{ id: string }>([
    env.DB.prepare(
      "INSERT INTO subject (id, tenant, reference_index, reference_sealed, created_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (tenant, reference_index) DO NOTHING",
    ).bind(newId("subject", env.CELL), tenant, index, await seal(env.CELL_KEY, "reference", tenant, name), now),
    env.DB.prepare("SELECT id FROM subject WHERE tenant = ? AND reference_index = ?").bind(tenant, index),
  ]);
  const subject = read?.results[0];
  if (!subject) throw new Error("A subject that was just recorded is not there");
  return subject.id;
}

/** A header loses outer spaces, and half a character becomes another one in UTF-8: either would make two people of one, or one of two. */
function requireReference(name: string): void {
  if (name === name.trim() && name.isWellFormed()) return;
  throw new WeirError("unprocessable", "subject: must be whole characters, without space around them.", { param: "subject" });
}

function indexOf(env: Env, tenant: string, name: string): Promise<string> {
  return keyedIndex(env.CELL_KEY, "reference-index", tenant, name);
}
