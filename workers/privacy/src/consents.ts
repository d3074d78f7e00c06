import { WeirError } from "@weir/domain/errors";
import { newId } from "@weir/domain/ids";
import { isPermission, type Provenance } from "@weir/domain/privacy/consent";
import { newEvent, type AnyEvent } from "@weir/events/catalogue";
import { outboxStatements, sendOutbox } from "@weir/events/outbox";
import type { Background } from "@weir/http/commit";
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
    const rows = purposes.map((purpose) => ({
      id: newId("consent", env.CELL),
      purpose,
      state: stateAfter(choice, purpose, history, material, now),
    }));
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

function stateAfter(
  choice: Choice,
  purpose: string,
  history: readonly ConsentRow[],
  material: readonly MaterialNotice[],
  now: number,
): RecordedState {
  if (choice.decision !== "given") return choice.decision;
  return isPermission(consentTo(purpose, history, material, now)) ? "renewed" : "given";
}

async function insertRows(env: Env, background: Background, choice: NewRows): Promise<void> {
  const cause = choice.rows[0]?.id ?? "";
  const events = choice.rows.map((row) => eventOf(choice, row));
  await env.DB.batch([
    insertStatement(env.DB, choice),
    ...outboxStatements(env.DB, "privacy", cause, events, choice.now),
    numberEventsStatement(env.DB, cause, choice.rows),
  ]);
  background.waitUntil(sendOutbox(env, "privacy", cause, choice.now).catch(() => undefined));
}

/**
 * One statement for all rows. The sequence is the tenant's next, computed where batches are serial. A person's time never runs backwards,
 * whatever the clocks of two isolates say: a withdrawal that comes after a consent is later than it.
 */
function insertStatement(db: D1Database, choice: NewRows): D1PreparedStatement {
  return db
    .prepare(
      `INSERT INTO consent_record (id, tenant, subject, purpose, decision, notice, notice_version, provenance, valid_until, recorded_at, sequence)
       SELECT json_extract(row.value, '$.id'), ?1, ?2, json_extract(row.value, '$.purpose'), ?3, ?4, ?5, ?6, ?7,
         MAX(?8, (SELECT COALESCE(MAX(recorded_at), 0) FROM consent_record WHERE tenant = ?1 AND subject = ?2)),
         CASE WHEN ?9 IS NULL OR ?9 = (SELECT COALESCE(MAX(sequence), 0) FROM consent_record WHERE tenant = ?1 AND subject = ?2)
           THEN (SELECT COALESCE(MAX(sequence), 0) FROM consent_record WHERE tenant = ?1) + row.key + 1 END
       FROM json_each(?10) AS row`,
    )
    .bind(
      choice.tenant,
      choice.subject,
      choice.decision,
      choice.notice?.hash ?? null,
      choice.notice?.version ?? null,
      choice.provenance,
      choice.validUntil ?? null,
      choice.now,
      choice.after ?? null,
      JSON.stringify(choice.rows),
    );
}

function eventOf({ tenant, subject, notice, provenance, now }: NewRows, { id, purpose, state }: NewRows["rows"][number]): AnyEvent {
  const data = { record: id, subject, purpose, notice: notice?.hash ?? null, provenance, sequence: 0 };
  return newEvent(EVENTS[state], { id: `${id}.${state}`, tenant, now, data });
}

/** Writes into the outbox row the sequences that the insert before it, in the same batch, has computed. */
function numberEventsStatement(db: D1Database, cause: string, rows: NewRows["rows"]): D1PreparedStatement {
  // At most 20 events of some 400 bytes: one row of the outbox.
  const numbers = rows.map(
    (_, index) => `'$.events[${index}].data.sequence', (SELECT sequence FROM consent_record WHERE id = ?${index + 2})`,
  );
  return db
    .prepare(`UPDATE outbox SET body = json_set(body, ${numbers.join(", ")}) WHERE id = ?1`)
    .bind(`privacy:${cause}:0`, ...rows.map((row) => row.id));
}

function refuseBadValidity({ decision, validUntil }: Choice, now: number): void {
  if (validUntil === undefined) return;
  if (decision !== "given")
    throw new WeirError("unprocessable", "valid_until: only a consent that is given ends by itself.", { param: "valid_until" });
  if (validUntil <= now) throw new WeirError("unprocessable", "valid_until: must lie in the future.", { param: "valid_until" });
}

/** The notice that the person was shown. Who decides must know what about: only a withdrawal needs none (Art. 7(3): as easy as giving). */
async function noticeOf(db: D1Database, tenant: string, choice: Choice, material: readonly MaterialNotice[]): Promise<Notice | undefined> {
  if (choice.notice === undefined) {
    if (choice.decision === "withdrawn") return undefined;
    throw new WeirError("unprocessable", `notice: the hash of the notice that was shown is needed for "${choice.decision}".`, {
      param: "notice",
    });
  }
  const notice = await findNotice(db, tenant, choice.notice);
  if (!notice) throw new WeirError("unprocessable", "notice: no notice with this hash is published.", { param: "notice" });
  const uncovered = choice.purposes.find((id) => !notice.purposes.includes(id));
  if (uncovered !== undefined) {
    throw new WeirError("unprocessable", `notice: version ${notice.version} does not speak of purpose "${uncovered}".`, {
      param: "notice",
    });
  }
  const newer = material.findLast(({ purpose, version }) => choice.purposes.includes(purpose) && version > notice.version);
  if (newer && choice.decision === "given") {
    const message = `notice: version ${notice.version} was replaced by a material change, version ${newer.version}; show that and ask again.`;
    throw new WeirError("unprocessable", message, { param: "notice" });
  }
  return notice;
}

/** A withdrawal takes back what was given on these notices. */
async function noticesShownBefore(
  db: D1Database,
  tenant: string,
  history: readonly ConsentRow[],
  purposes: readonly string[],
): Promise<Notice[]> {
  const hashes = new Set(
    purposes.flatMap((purpose) => history.findLast((row) => row.purpose === purpose && row.notice !== null)?.notice ?? []),
  );
  const notices = await Promise.all([...hashes].map((hash) => findNotice(db, tenant, hash)));
  return notices.filter((notice) => notice !== undefined);
}
