import {
  type Consent,
  type ConsentEvent,
  type ConsentState,
  consentStateAfter,
  effectiveConsent,
  type Provenance,
} from "@weir/domain/privacy/consent";
import type { MaterialNotice } from "./notices.ts";

/** A row of `consent_record`: one choice about one purpose, as it was made. */
export interface ConsentRow {
  id: string;
  purpose: string;
  decision: "given" | "refused" | "withdrawn" | "objected" | "restricted" | "resumed";
  notice: string | null;
  noticeVersion: number | null;
  provenance: Provenance;
  validUntil: number | null;
  recordedAt: number;
  sequence: number;
}

/** All that a person has chosen, oldest first. */
export async function loadHistory(db: D1Database, tenant: string, subject: string): Promise<ConsentRow[]> {
  const { results } = await db
    .prepare(
      `SELECT id, purpose, decision, notice, notice_version AS noticeVersion, provenance, valid_until AS validUntil, recorded_at AS recordedAt, sequence
       FROM consent_record WHERE tenant = ? AND subject = ? ORDER BY sequence`,
    )
    .bind(tenant, subject)
    .all<ConsentRow>();
  return results;
}

/** Where a person stands on one purpose. The Gate asks by version alone; here notices have their place in time, too, so that what comes after reads as given anew. */
export function consentTo(purpose: string, history: readonly ConsentRow[], notices: readonly MaterialNotice[], now: number): Consent {
  const material = notices.filter((notice) => notice.purpose === purpose);
  const published = material.map((notice): ConsentEvent => ({
    kind: "superseded",
    recordedAtMs: notice.publishedAt,
    noticeVersion: notice.version,
  }));
  const chosen = history.flatMap((row) => (row.purpose === purpose ? choiceOf(row) : []));
  return effectiveConsent(consentStateAfter([...published, ...chosen], now), now, material.at(-1)?.version);
}

/** The state of every purpose that is recorded or was ever chosen about. */
export function consentStates(
  purposes: readonly string[],
  history: readonly ConsentRow[],
  notices: readonly MaterialNotice[],
  now: number,
): Record<string, ConsentState> {
  const named = new Set([...purposes, ...history.filter((row) => choiceOf(row).length > 0).map((row) => row.purpose)]);
  return Object.fromEntries([...named].sort().map((purpose) => [purpose, consentTo(purpose, history, notices, now).state]));
}

/** A row as callers see it. */
export function showRow(row: ConsentRow) {
  return {
    id: row.id,
    purpose: row.purpose,
    decision: row.decision,
    notice: row.notice,
    notice_version: row.noticeVersion,
    provenance: row.provenance,
    valid_until: row.validUntil === null ? null : new Date(row.validUntil).toISOString(),
    recorded_at: new Date(row.recordedAt).toISOString(),
    sequence: row.sequence,
  };
}

/** Nothing for objections and restrictions, which are no consent. */
function choiceOf(row: ConsentRow): ConsentEvent[] {
  const { decision: kind, recordedAt, validUntil, noticeVersion, provenance } = row;
  if (kind !== "given" && kind !== "refused" && kind !== "withdrawn") return [];
  return [{ kind, recordedAtMs: recordedAt, validUntilMs: validUntil ?? undefined, noticeVersion: noticeVersion ?? undefined, provenance }];
}
