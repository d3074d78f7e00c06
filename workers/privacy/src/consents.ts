import { WeirError } from "@weir/domain/errors";
import { newId } from "@weir/domain/ids";
import { isPermission, type Provenance } from "@weir/domain/privacy/consent";
import { newEvent, type AnyEvent } from "@weir/events/catalogue";
import { commit, type Background } from "@weir/http/commit";
import { tellGate } from "@weir/http/gate-client";
import { consentTo, loadHistory, showRow, type ConsentRow } from "./consent-history.ts";
import { consentRecord, type RecordedState } from "./consent-record.ts";
import type { Env } from "./env.ts";
import { findNotice, materialNotices, type MaterialNotice, type Notice } from "./notices.ts";
import { untilNotOvertaken } from "./overtaken.ts";
import { loadPolicy } from "./policy-version.ts";
import { loadPurposes, requireRecorded } from "./purposes.ts";
import { signReceipt } from "./receipts.ts";
import { residencyOf } from "./residency.ts";
import { meetSubject } from "./subjects.ts";

export interface Choice {
  /** The tenant's own reference to the person, or the person's pseudonym. */
  subject: string;
  purposes: string[];
  decision: "given" | "refused" | "withdrawn";
  notice?: string | undefined;
  validUntil?: number | undefined;
}

/** What is inserted: one row for each purpose, all of one choice. */
interface NewRows {
  tenant: string;
  subject: string;
  decision: Choice["decision"];
  rows: { id: string; purpose: string; state: RecordedState }[];
  notice: Notice | undefined;
  provenance: Provenance;
  validUntil: number | undefined;
  /** Sequence of the person's latest row that the choice was judged by; undefined: it holds whatever came before. */
  after: number | undefined;
  now: number;
}

const EVENTS = { given: "consent.given", renewed: "consent.renewed", refused: "consent.refused", withdrawn: "consent.withdrawn" } as const;

/** Records what a person has chosen, and answers when no request that arrives later is served by what held before. */
export async function recordChoice(env: Env, background: Background, tenant: string, choice: Choice, provenance: Provenance, now: number) {
  const purposes = [...new Set(choice.purposes)];
  const [recorded, material] = await Promise.all([loadPurposes(env.DB, tenant), materialNotices(env.DB, tenant)]);
  requireRecorded(recorded, purposes, "purposes");
  refuseBadValidity(choice, now);
  const notice = await noticeOf(env.DB, tenant, { ...choice, purposes }, material);
  const subject = await meetSubject(env, tenant, choice.subject, now);
  const { ids, states, history } = await untilNotOvertaken(async () => {
    const history = await loadHistory(env.DB, tenant, subject);
    const rows = purposes.map((purpose) => ({ id: newId("consent", env.CELL), purpose, state: stateAfter(choice, purpose, history, material, now) }));
    // Whether a consent is given or renewed depends on what came before. A refusal or withdrawal holds whatever came before, and never waits.
    const after = choice.decision === "given" ? (history.at(-1)?.sequence ?? 0) : undefined;
    const { decision, validUntil } = choice;
    await insertRows(env, background, { tenant, subject, decision, rows, notice, provenance, validUntil, after, now });
    return { ids: rows.map((row) => row.id), states: rows.map((row) => row.state), history };
  });
  const [effective, after, policy, controller] = await Promise.all([
    tellGate(env, tenant, [{ subject }]),
    loadHistory(env.DB, tenant, subject),
    loadPolicy(env.DB, tenant),
    env.DB.prepare("SELECT name FROM tenant WHERE id = ?").bind(tenant).first<{ name: string }>(),
  ]);
  const rows = ids.flatMap((id) => after.find((row) => row.id === id) ?? []);
  const record = consentRecord({
    cell: env.CELL,
    controller: { id: tenant, name: controller?.name ?? tenant },
    subject,
    rows: rows.map((row, index) => ({ ...row, state: states[index] ?? choice.decision })),
    bases: Object.fromEntries(purposes.map((purpose) => [purpose, recorded[purpose]?.basis])),
    notices: notice ? [notice] : await noticesShownBefore(env.DB, tenant, history, purposes),
    storage: residencyOf(policy).storage,
  });
  const receipt = await signReceipt(env, { record, tenant, subject, decision: choice.decision, rows });
  return { record, receipt, records: rows.map(showRow), ...effective };
}

function stateAfter(choice: Choice, purpose: string, history: readonly ConsentRow[], material: readonly MaterialNotice[], now: number): RecordedState {
  if (choice.decision !== "given") return choice.decision;
  return isPermission(consentTo(purpose, history, material, now)) ? "renewed" : "given";
}

async function insertRows(env: Env, background: Background, choice: NewRows): Promise<void> {
  const cause = choice.rows[0]?.id ?? "";
  await commit(env, background, {
    worker: "privacy",
    cause,
    now: choice.now,
    statements: [insertStatement(env.DB, choice)],
    events: choice.rows.map((row) => eventOf(choice, row)),
    eventNumbers: env.DB,
  });
}
