import { noteSigner, type NoteSigner } from "@weir/domain/compliance/note";
import { seal, unseal } from "@weir/domain/crypto/seal";
import { fromHex, toHex } from "@weir/domain/encoding/hex";
import { logOfTenant } from "@weir/domain/ids";
import type { Env } from "./env.ts";

const KEY_BYTES = 32;
/** Where no host is configured: RFC 6762 keeps `.local` from ever being somebody's. */
const LOCAL_HOST = "weir.local";

export interface LogIdentity {
  tenant: string;
  log: string;
  /** Signs under the log's origin: key name and origin are one, so the vkey alone says which log it speaks for. */
  signer: NoteSigner;
  /** Commits to events that have no subject's key. */
  commitmentKey: Uint8Array;
}

/** A log's origin (C2SP tlog-checkpoint): the URL of the log without its scheme, `audit.example.com/audit/log_eu_…`. */
function originOf(host: string | undefined, log: string): string {
  return `${host ?? LOCAL_HOST}/audit/${log}`;
}

/** Reads the log's keys; makes them on first use. They rest sealed under the cell's key, random, not derived: what is derived cannot be erased. */
export async function loadIdentity(sql: SqlStorage, env: Pick<Env, "CELL_KEY" | "LOG_HOST">, tenant: string): Promise<LogIdentity> {
  sql.exec(
    `CREATE TABLE IF NOT EXISTS identity (one INTEGER PRIMARY KEY CHECK (one = 1), tenant TEXT NOT NULL, origin TEXT NOT NULL,
       signing_key TEXT NOT NULL, commitment_key TEXT NOT NULL)`,
  );
  const log = logOfTenant(tenant);
  if (sql.exec("SELECT 1 FROM identity").toArray().length === 0) {
    const [signing, commitment] = await Promise.all([
      seal(env.CELL_KEY, "log-signing-key", log, randomHex()),
      seal(env.CELL_KEY, "log-commitment-key", log, randomHex()),
    ]);
    sql.exec(
      "INSERT INTO identity (one, tenant, origin, signing_key, commitment_key) VALUES (1, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
      tenant,
      originOf(env.LOG_HOST, log),
      signing,
      commitment,
    );
  }
  const row = sql
    .exec<IdentityRow>("SELECT tenant, origin, signing_key AS signingKey, commitment_key AS commitmentKey FROM identity")
    .one();
  if (row.tenant !== tenant) throw new Error("This log belongs to another tenant");
  const seed = await openKey(unseal(env.CELL_KEY, "log-signing-key", log, row.signingKey));
  const commitmentKey = await openKey(unseal(env.CELL_KEY, "log-commitment-key", log, row.commitmentKey));
  return { tenant, log, signer: await noteSigner(row.origin, seed), commitmentKey };
}

interface IdentityRow extends Record<string, SqlStorageValue> {
  tenant: string;
  origin: string;
  signingKey: string;
  commitmentKey: string;
}

function randomHex(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(KEY_BYTES)));
}

async function openKey(opened: Promise<string>): Promise<Uint8Array> {
  const key = fromHex(await opened);
  if (key?.length !== KEY_BYTES) throw new Error("A key of the log is damaged");
  return key;
}
