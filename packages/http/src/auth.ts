import { WeirError } from "@weir/domain/errors";
import { hashKey, OPERATOR, parseKey, sameHash } from "@weir/domain/keys";
import { hasScope, type Scope } from "@weir/domain/scopes";
import type { MiddlewareHandler } from "hono";
import type { CellEnv } from "./cell-env.ts";

/** Who is calling, once the key is verified. */
export interface Caller {
  /** Tenant id, or `operator`. */
  tenant: string;
  key: string;
  scopes: string[];
}

export interface HttpVariables {
  requestId: string;
  caller: Caller;
}

export type HttpEnv<Bindings extends CellEnv = CellEnv> = { Bindings: Bindings; Variables: HttpVariables };

/** Reads the bearer key of a request; throws `invalid_api_key` unless it is one of ours by form and check code. */
export function bearerKey(header: string | undefined): string {
  const key = /^Bearer +(\w+)$/i.exec(header ?? "")?.[1];
  if (key === undefined) {
    throw new WeirError("invalid_api_key", "Send the API key as `Authorization: Bearer wk_…`.", { param: "authorization" });
  }
  return key;
}

/** Lets a request pass that carries something with the form and check code of a key. Whether it is valid is not asked yet. */
export const requireKeyForm: MiddlewareHandler<HttpEnv> = async (c, next) => {
  if (!parseKey(bearerKey(c.req.header("authorization")))) throw notAKey();
  await next();
};

/** Lets a request pass whose key is valid and has one of the scopes. */
export function requireScope(...anyOf: Scope[]): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const caller = await authenticate(c.env, bearerKey(c.req.header("authorization")), Date.now());
    if (!anyOf.some((scope) => hasScope(caller.scopes, scope))) {
      throw new WeirError(
        "insufficient_scope",
        `This call needs a key with the scope ${anyOf.map((scope) => `\`${scope}\``).join(" or ")}.`,
        {
          extra: { required_scopes: anyOf },
        },
      );
    }
    c.set("caller", caller);
    await next();
  };
}

async function authenticate(env: CellEnv, key: string, now: number): Promise<Caller> {
  const parsed = parseKey(key);
  if (!parsed) throw notAKey();
  if (parsed.cell !== env.CELL) {
    throw new WeirError("cell_mismatch", `The key belongs to the cell \`${parsed.cell}\`, the address to \`${env.CELL}\`.`);
  }
  const hash = await hashKey(key);
  if (parsed.tenant === OPERATOR) {
    if (!sameHash(hash, env.OPERATOR_KEY_HASH)) throw notValid();
    return { tenant: OPERATOR, key: parsed.id, scopes: ["operator"] };
  }
  // The primary, not a replica: a key revoked a second ago must not verify.
  const row = await env.DB.withSession("first-primary")
    .prepare("SELECT hash, scopes, expires_at AS expiresAt, revoked_at AS revokedAt FROM api_key WHERE id = ? AND tenant = ?")
    .bind(parsed.id, parsed.tenant)
    .first<{ hash: string; scopes: string; expiresAt: number | null; revokedAt: number | null }>();
  if (!row || !sameHash(row.hash, hash) || row.revokedAt !== null || (row.expiresAt !== null && row.expiresAt <= now)) throw notValid();
  return { tenant: parsed.tenant, key: parsed.id, scopes: JSON.parse(row.scopes) };
}

function notAKey(): WeirError {
  return new WeirError("invalid_api_key", "This is not a key of Weir: it is mistyped or cut.", { param: "authorization" });
}

// One answer for unknown, revoked and expired: a thief learns nothing about which.
function notValid(): WeirError {
  return new WeirError("invalid_api_key", "The API key is unknown, revoked or expired.", { param: "authorization" });
}

/** The tenant that a path names, when the caller may act for it. Another tenant's id answers like one that does not exist. */
export function ownTenant(caller: Caller, id: string): string {
  if (caller.tenant !== id && caller.tenant !== OPERATOR) throw new WeirError("not_found", "Nothing with this id is found.");
  return id;
}
