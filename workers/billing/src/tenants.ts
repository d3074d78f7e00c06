import { newId } from "@weir/domain/ids";
import { newEvent } from "@weir/events/catalogue";
import { commit, type Background } from "@weir/http/commit";
import type { Env } from "./env.ts";
import { keyStatement, mintKey } from "./keys.ts";

export interface NewTenant {
  name: string;
  durability: "accounted" | "write_ahead";
}

/** Creates a tenant with its owner's key, in one batch. The key is in the answer and nowhere else. */
export async function createTenant(env: Env, background: Background, fields: NewTenant, now: number) {
  const id = newId("tenant", env.CELL);
  const owner = await mintKey(env.CELL, id, { name: "owner", scopes: ["*"] });
  await commit(env, background, {
    worker: "billing",
    cause: id,
    now,
    statements: [
      env.DB.prepare("INSERT INTO tenant (id, name, durability, created_at) VALUES (?, ?, ?, ?)").bind(
        id,
        fields.name,
        fields.durability,
        now,
      ),
      keyStatement(env.DB, owner, now),
    ],
    events: [
      newEvent("tenant.created", { id: `${id}.created`, tenant: id, now, data: { durability: fields.durability } }),
      newEvent("key.created", {
        id: `${owner.id}.created`,
        tenant: id,
        now,
        data: { key: owner.id, scopes: owner.scopes, expires_at: null },
      }),
    ],
  });
  return { id, name: fields.name, cell: env.CELL, owner_key: owner.key };
}
