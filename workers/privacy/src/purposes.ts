import { WeirError } from "@weir/domain/errors";
import { findBundledConsent, type LegalBasis, type Purpose, type SpecialCategoryCondition } from "@weir/domain/privacy/purposes";
import { newEvent } from "@weir/events/catalogue";
import { commit, type Background } from "@weir/http/commit";
import { tellGate } from "@weir/http/gate-client";
import type { Env } from "./env.ts";
import { untilNotOvertaken } from "./overtaken.ts";
import { loadPolicy, nextVersionStatement } from "./policy-version.ts";

export interface PurposeFields {
  basis: LegalBasis;
  special_category?: boolean | undefined;
  special_category_condition?: SpecialCategoryCondition | undefined;
  assessment_ref?: string | undefined;
  necessity?: string | undefined;
  /** From which age a person may consent without a guardian (Art. 8). Recorded, not yet enforced. */
  age_rule?: { minimum_age: number } | undefined;
}

export type RecordedPurpose = PurposeFields & Purpose;
export type RecordedPurposes = Readonly<Record<string, RecordedPurpose>>;

interface PurposeRow {
  id: string;
  body: string;
  updatedAt: number;
}

/** What the controller has recorded, by purpose. Empty for a new tenant, whom the Gate serves `chat` as a contract. */
export async function loadPurposes(db: D1Database, tenant: string): Promise<RecordedPurposes> {
  return Object.fromEntries((await purposeRows(db, tenant)).map((row): [string, RecordedPurpose] => [row.id, JSON.parse(row.body)]));
}

export async function listPurposes(db: D1Database, tenant: string) {
  return {
    items: (await purposeRows(db, tenant)).map(({ id, body, updatedAt }) => ({
      ...shown(id, JSON.parse(body)),
      updated_at: new Date(updatedAt).toISOString(),
    })),
    next_cursor: null,
  };
}

/** Records on which legal basis a purpose rests. The same again changes nothing and is confirmed anew. */
export async function setPurpose(env: Env, background: Background, tenant: string, id: string, fields: PurposeFields, now: number) {
  requirePurposeId(id);
  if (fields.special_category_condition !== undefined && fields.special_category !== true) {
    throw new WeirError("unprocessable", "special_category_condition: only together with special_category: true.", {
      param: "special_category_condition",
    });
  }
  const result = await untilNotOvertaken(async () => {
    const [policy, recorded, lastChoiceAt] = await Promise.all([
      loadPolicy(env.DB, tenant),
      loadPurposes(env.DB, tenant),
      lastChoice(env.DB, tenant),
    ]);
    const before = Object.hasOwn(recorded, id) ? recorded[id] : undefined;
    const purpose: RecordedPurpose = { ...fields, ...basisSince(before, fields, Math.max(now, lastChoiceAt)) };
    if (before && JSON.stringify(before) === JSON.stringify(purpose)) return { purpose, version: policy.version };
    refuseBundling(policy.requirements.required_purposes, { ...recorded, [id]: purpose }, "basis");
    const version = policy.version + 1;
    const cause = `${tenant}.purpose.${version}`;
    await commit(env, background, {
      worker: "privacy",
      cause,
      now,
      statements: [
        nextVersionStatement(env.DB, { tenant, from: policy.version, now }),
        env.DB.prepare(
          "INSERT INTO purpose (tenant, id, body, updated_at) VALUES (?, ?, ?, ?) ON CONFLICT (tenant, id) DO UPDATE SET body = excluded.body, updated_at = excluded.updated_at",
        ).bind(tenant, id, JSON.stringify(purpose), now),
      ],
      events: [newEvent("purpose.changed", { id: cause, tenant, now, data: { purpose: id, basis: purpose.basis, version } })],
    });
    return { purpose, version };
  });
  return { ...shown(id, result.purpose), version: result.version, ...(await tellGate(env, tenant, ["policy"])) };
}

/**
 * When the present basis took effect, if it ever was another. One millisecond after every choice that is recorded: a refusal from before
 * the change of basis stays a refusal, even from the same millisecond or by a clock that is ahead.
 */
export function basisSince(before: RecordedPurpose | undefined, after: PurposeFields, now: number): Pick<Purpose, "basis_since"> {
  if (before === undefined) return {};
  if (before.basis !== after.basis) return { basis_since: now + 1 };
  return before.basis_since === undefined ? {} : { basis_since: before.basis_since };
}

export function refuseBundling(requiredPurposes: readonly string[], purposes: Readonly<Record<string, Purpose>>, param: string): void {
  const bundled = findBundledConsent(requiredPurposes, purposes);
  if (bundled)
    throw new WeirError("bundled_consent", `${bundled.message} (GDPR Art. 7(4)).`, { param, extra: { purpose: bundled.purpose } });
}

/** Refuses purposes that the controller has not recorded, the first named. */
export function requireRecorded(recorded: RecordedPurposes, purposes: readonly string[], param: string): void {
  const unknown = purposes.find((id) => !Object.hasOwn(recorded, id));
  if (unknown === undefined) return;
  throw new WeirError(
    "purpose_unknown",
    `${param}: purpose "${unknown.slice(0, 64)}" is not recorded; record it with PUT /privacy/v1/purposes/{id}.`,
    {
      param,
      extra: { purpose: unknown.slice(0, 64) },
    },
  );
}

function requirePurposeId(id: string): void {
  if (/^[a-z][a-z0-9_]{0,63}$/.test(id)) return;
  throw new WeirError("unprocessable", "id: a purpose is named by 1 to 64 lower-case letters, digits or _, a letter first.", {
    param: "id",
  });
}

async function purposeRows(db: D1Database, tenant: string): Promise<PurposeRow[]> {
  const { results } = await db
    .prepare("SELECT id, body, updated_at AS updatedAt FROM purpose WHERE tenant = ? ORDER BY id")
    .bind(tenant)
    .all<PurposeRow>();
  return results;
}

async function lastChoice(db: D1Database, tenant: string): Promise<number> {
  const row = await db
    .prepare("SELECT recorded_at AS recordedAt FROM consent_record WHERE tenant = ? ORDER BY sequence DESC LIMIT 1")
    .bind(tenant)
    .first<{ recordedAt: number }>();
  return row?.recordedAt ?? 0;
}

function shown(id: string, { basis_since, ...purpose }: RecordedPurpose) {
  const since = basis_since === undefined ? {} : { basis_since: new Date(basis_since).toISOString() };
  return { id, ...purpose, ...since };
}
