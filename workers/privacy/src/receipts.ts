import type { Cell } from "@weir/domain/cells";
import { keyPairFromSeed } from "@weir/domain/compliance/ed25519";
import { sha256 } from "@weir/domain/compliance/hash";
import { deriveBits } from "@weir/domain/crypto/seal";
import { toBase64Url } from "@weir/domain/encoding/base64";
import { toHex } from "@weir/domain/encoding/hex";
import { jcsBytes } from "@weir/domain/encoding/jcs";
import { calculateJwkThumbprint, CompactSign } from "jose";
import type { ConsentRow } from "./consent-history.ts";
import type { JsonLd } from "./consent-record.ts";

interface ReceiptEnv {
  CELL: Cell;
  CELL_KEY: string;
}

interface Receipted {
  record: JsonLd;
  tenant: string;
  subject: string;
  decision: string;
  rows: readonly ConsentRow[];
}

// RFC 8037. RFC 9864 renames it Ed25519; the old name is what verifiers know today.
const ALGORITHM = "EdDSA" as const;

/**
 * A consent receipt: compact JWS (RFC 7515) with Ed25519. It proves to whoever has the published key what was recorded and when, without
 * asking us: `record_sha256` is the SHA-256 of the record's canonical JSON (RFC 8785).
 */
export async function signReceipt(env: ReceiptEnv, { record, tenant, subject, decision, rows }: Receipted): Promise<string> {
  const { privateKey, kid } = await receiptKey(env);
  const payload = {
    iss: `urn:weir:cell:${env.CELL}`,
    record: rows[0]?.id ?? null,
    records: rows.map((row) => row.id),
    record_sha256: toHex(await sha256(jcsBytes(record))),
    tenant,
    subject,
    purposes: rows.map((row) => row.purpose),
    decision,
    recorded_at: new Date(rows[0]?.recordedAt ?? 0).toISOString(),
  };
  return new CompactSign(jcsBytes(payload)).setProtectedHeader({ alg: ALGORITHM, kid, typ: "weir-consent-receipt+jws" }).sign(privateKey);
}

/** The public part, as a JSON Web Key Set (RFC 7517). */
export async function receiptKeySet(env: ReceiptEnv) {
  const { jwk, kid } = await receiptKey(env);
  return { keys: [{ ...jwk, kid, use: "sig" as const, alg: ALGORITHM }] };
}

/** One key for the cell, derived and never stored. Its id is the key's thumbprint (RFC 7638). */
async function receiptKey(env: ReceiptEnv) {
  const { privateKey, publicKey } = await keyPairFromSeed(await deriveBits(env.CELL_KEY, "receipt-key", env.CELL));
  const jwk = { kty: "OKP" as const, crv: "Ed25519" as const, x: toBase64Url(publicKey) };
  return { privateKey, jwk, kid: await calculateJwkThumbprint(jwk) };
}
