import type { Cell } from "@weir/domain/cells";
import { WeirError } from "@weir/domain/errors";
import { hashKey, newKey } from "@weir/domain/keys";
import { scopesNotHeld, type GrantableScope } from "@weir/domain/scopes";
import { newEvent } from "@weir/events/catalogue";
import type { Caller } from "@weir/http/auth";
import { commit, type Background } from "@weir/http/commit";
import { tellGate, type Effective } from "@weir/http/gate-client";
import type { Env } from "./env.ts";

export interface NewKey {
  name: string;
  scopes: GrantableScope[];
  expiresAt?: number | undefined;
}

interface MintedKey extends NewKey {
  id: string;
  tenant: string;
  key: string;
  hash: string;
}

/** Makes a key; nothing is stored yet. */
export async function mintKey(cell: Cell, tenant: string, fields: NewKey): Promise<MintedKey> {
  const { key, id } = newKey(cell, tenant);
  return { ...fields, id, tenant, key, hash: await hashKey(key) };
}

export function keyStatement(db: D1Database, key: MintedKey, now: number): D1PreparedStatement {
  return db
    .prepare("INSERT INTO api_key (id, tenant, name, hash, scopes, expires_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)")
    .bind(key.id, key.tenant, key.name, key.hash, JSON.stringify(key.scopes), key.expiresAt ?? null, now);
}

/** Creates a key. Nobody grants a scope that they lack; a key that has already expired is of no use to anyone. */
export async function createKey(env: Env, background: Background, caller: Caller, tenant: string, fields: NewKey, now: number) {
  const lacking = scopesNotHeld(caller.scopes, fields.scopes);
  if (lacking.length > 0) {
    throw new WeirError("scope_not_held", `Your key lacks ${lacking.join(", ")}, so it cannot grant that.`, { param: "scopes" });
  }
  if (fields.expiresAt !== undefined && fields.expiresAt <= now) {
    throw new WeirError("unprocessable", "expires_at: must lie in the future.", { param: "expires_at" });
  }
  const key = await mintKey(env.CELL, tenant, fields);
  const expires_at = key.expiresAt === undefined ? null : new Date(key.expiresAt).toISOString();
  await commit(env, background, {
    worker: "billing",
    cause: `${key.id}.created`,
    now,
    statements: [keyStatement(env.DB, key, now)],
    events: [newEvent("key.created", { id: `${key.id}.created`, tenant, now, data: { key: key.id, scopes: key.scopes, expires_at } })],
  });
  // Not a tightening, but the caller will use the key at once.
  await tellGate(env, tenant, ["keys"]);
  return { id: key.id, key: key.key, name: key.name, scopes: key.scopes, expires_at };
}

/** Revokes a key; answers when no request that arrives later is served with it. Revoking again changes nothing. */
export async function revokeKey(env: Env, background: Background, caller: Caller, id: string, now: number): Promise<Effective> {
  const row = await env.DB.prepare("SELECT tenant FROM api_key WHERE id = ? AND tenant = ?")
    .bind(id, caller.tenant)
    .first<{ tenant: string }>();
  if (!row) throw new WeirError("not_found", "Nothing with this id is found.");
  await commit(env, background, {
    worker: "billing",
    cause: `${id}.revoked`,
    now,
    statements: [env.DB.prepare("UPDATE api_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL").bind(now, id)],
    events: [newEvent("key.revoked", { id: `${id}.revoked`, tenant: row.tenant, now, data: { key: id } })],
  });
  return tellGate(env, row.tenant, ["keys"]);
}

interface KeyRow {
  id: string;
  name: string;
  scopes: string;
  expiresAt: number | null;
  revokedAt: number | null;
  createdAt: number;
}

/** A tenant's keys, newest last, without the keys themselves. */
export async function listKeys(db: D1Database, tenant: string, after: string | undefined, limit: number) {
  const { results } = await db
    .prepare(
      `SELECT id, name, scopes, expires_at AS expiresAt, revoked_at AS revokedAt, created_at AS createdAt
       FROM api_key WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3`,
    )
    .bind(tenant, after ?? "", limit + 1)
    .all<KeyRow>();
  const page = results.slice(0, limit);
  return {
    items: page.map((row) => ({
      id: row.id,
      name: row.name,
      scopes: JSON.parse(row.scopes),
      created_at: new Date(row.createdAt).toISOString(),
      expires_at: row.expiresAt === null ? null : new Date(row.expiresAt).toISOString(),
      revoked_at: row.revokedAt === null ? null : new Date(row.revokedAt).toISOString(),
    })),
    next_cursor: results.length > limit ? (page.at(-1)?.id ?? null) : null,
  };
}
