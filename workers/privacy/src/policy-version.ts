import type { Provenance } from "@weir/domain/privacy/consent";

export interface Requirements {
  required_purposes: string[];
  min_provenance?: Provenance | undefined;
}

/** What a tenant has instructed: one row, one version for all of it, so that a decision names one number. */
export interface PrivacyPolicy {
  /** JSON; null: never set. */
  residency: string | null;
  requirements: Requirements;
  /** 0: nothing was ever instructed. */
  version: number;
  updatedAt: number | null;
}

export async function loadPolicy(db: D1Database, tenant: string): Promise<PrivacyPolicy> {
  const row = await db
    .prepare("SELECT residency, policy, version, updated_at AS updatedAt FROM privacy_policy WHERE tenant = ?")
    .bind(tenant)
    .first<{ residency: string | null; policy: string | null; version: number; updatedAt: number }>();
  const requirements: Requirements = row?.policy == null ? { required_purposes: [] } : JSON.parse(row.policy);
  return { residency: row?.residency ?? null, requirements, version: row?.version ?? 0, updatedAt: row?.updatedAt ?? null };
}

/**
 * Moves the policy one version on from the version that the change was prepared from. If another change came first the new version is
 * null, which the column refuses, and the whole batch is undone. What is left out stays as it is.
 */
export function nextVersionStatement(
  db: D1Database,
  change: { tenant: string; from: number; residency?: string; policy?: string; now: number },
): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO privacy_policy (tenant, residency, policy, version, updated_at)
       VALUES (?1, ?2, ?3, CASE WHEN (SELECT COALESCE(MAX(version), 0) FROM privacy_policy WHERE tenant = ?1) = ?4 THEN ?4 + 1 END, ?5)
       ON CONFLICT (tenant) DO UPDATE SET residency = COALESCE(excluded.residency, residency), policy = COALESCE(excluded.policy, policy),
         version = excluded.version, updated_at = excluded.updated_at`,
    )
    .bind(change.tenant, change.residency ?? null, change.policy ?? null, change.from, change.now);
}
