import { parseTokenPrice, type TokenPrice } from "@weir/domain/billing/price";
import type { AdmissionDeployment, AdmissionSnapshot, KeyFacts, ModelFacts } from "@weir/domain/inference/admission";
import { consentStateAfter, type ConsentEvent } from "@weir/domain/privacy/consent";
import type { SubjectState } from "@weir/domain/privacy/legal-basis";
import type { Provenance } from "@weir/domain/privacy/consent";
import { defaultPurpose, type Purpose } from "@weir/domain/privacy/purposes";
import { openResidencyPolicy, parseResidencyPolicy, type ResidencyPolicy } from "@weir/domain/privacy/residency";

export type ProviderName = "embedded" | "openai-compatible" | "workers-ai";

/** A deployment as the isolate needs it to call the provider. */
export interface DeploymentRoute {
  id: string;
  model: string;
  provider: ProviderName;
  baseUrl: string | null;
  credentialSealed: string | null;
  upstreamModel: string;
  maxOutputTokens: number;
  region: string;
  priceVersion: string;
  price: TokenPrice;
}

/** All that a tenant's requests are decided by, read from D1 in one batch: one moment in time. */
export interface TenantSnapshot extends AdmissionSnapshot {
  routes: ReadonlyMap<string, DeploymentRoute>;
  /** False while the controller has recorded no purpose at all; then `chat` is served as a contract, and events say so. */
  purposesRecorded: boolean;
}

interface KeyRow {
  id: string;
  hash: string;
  scopes: string;
  expiresAt: number | null;
  revokedAt: number | null;
}

interface DeploymentRow extends Omit<DeploymentRoute, "price"> {
  storesIn: string;
  logsIn: string | null;
  retentionDays: number | null;
  trainsOnContent: "true" | "false" | "unknown";
  subprocessor: string | null;
  transfer: string | null;
  weight: number;
  price: string;
}

interface PolicyRow {
  residency: string | null;
  policy: string | null;
  version: number;
}

/** Reads the primary, not a replica: a key revoked a second ago must not verify. */
export async function loadSnapshot(db: D1Database, tenant: string): Promise<TenantSnapshot> {
  const [keys, deployments, models, purposes, notices, policy] = await db.withSession("first-primary").batch([
    db.prepare("SELECT id, hash, scopes, expires_at AS expiresAt, revoked_at AS revokedAt FROM api_key WHERE tenant = ?").bind(tenant),
    db
      .prepare(
        `SELECT d.id, d.model, d.provider, d.base_url AS baseUrl, d.credential_sealed AS credentialSealed, d.upstream_model AS upstreamModel,
           d.max_output_tokens AS maxOutputTokens, d.region, d.stores_in AS storesIn, d.logs_in AS logsIn, d.retention_days AS retentionDays,
           d.trains_on_content AS trainsOnContent, d.subprocessor, d.transfer, d.price_version AS priceVersion, d.weight, p.price
         FROM deployment d JOIN price_version p ON p.id = d.price_version WHERE d.tenant = ?`,
      )
      .bind(tenant),
    db.prepare("SELECT id FROM model WHERE tenant = ?").bind(tenant),
    db.prepare("SELECT id, body FROM purpose WHERE tenant = ?").bind(tenant),
    db
      .prepare(
        `SELECT purpose.value AS purpose, MAX(version) AS version FROM notice, json_each(notice.purposes) AS purpose
         WHERE tenant = ? AND change = 'material' GROUP BY purpose.value`,
      )
      .bind(tenant),
    db.prepare("SELECT residency, policy, version FROM privacy_policy WHERE tenant = ?").bind(tenant),
  ]);
  const policyRow = rows<PolicyRow>(policy)[0];
  const deploymentRows = rows<DeploymentRow>(deployments);
  const recorded = rows<{ id: string; body: string }>(purposes);
  return {
    version: policyRow?.version ?? 0,
    keys: Object.fromEntries(rows<KeyRow>(keys).map((row) => [row.id, keyFacts(row)])),
    residency: residencyOf(policyRow),
    models: modelsOf(
      rows<{ id: string }>(models).map((row) => row.id),
      deploymentRows,
    ),
    purposes: purposesOf(recorded, rows<{ purpose: string; version: number }>(notices)),
    purposesRecorded: recorded.length > 0,
    ...requirementsOf(policyRow),
    routes: new Map(deploymentRows.map((row) => [row.id, routeOf(row)])),
  };
}

interface ConsentRow {
  purpose: string;
  decision: "given" | "refused" | "withdrawn" | "objected" | "restricted" | "resumed";
  noticeVersion: number | null;
  provenance: Provenance;
  validUntil: number | null;
  recordedAt: number;
}

/** What one person has said, by the keyed index of the tenant's reference to them, or by pseudonym; undefined: nobody has met them. */
export async function loadSubject(db: D1Database, tenant: string, referenceIndex: string, now: number): Promise<SubjectState | undefined> {
  const [subjects, records] = await db.withSession("first-primary").batch([
    db.prepare("SELECT id FROM subject WHERE tenant = ?1 AND (reference_index = ?2 OR id = ?2)").bind(tenant, referenceIndex),
    db
      .prepare(
        `SELECT purpose, decision, notice_version AS noticeVersion, provenance, valid_until AS validUntil, recorded_at AS recordedAt
         FROM consent_record WHERE tenant = ?1 AND subject = (SELECT id FROM subject WHERE tenant = ?1 AND (reference_index = ?2 OR id = ?2)) ORDER BY sequence`,
      )
      .bind(tenant, referenceIndex),
  ]);
  const subject = rows<{ id: string }>(subjects)[0];
  return subject && subjectState(subject.id, rows<ConsentRow>(records), now);
}

function subjectState(subject: string, records: ConsentRow[], now: number): SubjectState {
  const histories = new Map<string, ConsentEvent[]>();
  const objections: Record<string, number> = {};
  let restricted = false;
  for (const record of records) {
    if (record.decision === "restricted" || record.decision === "resumed") restricted = record.decision === "restricted";
    else if (record.decision === "objected") objections[record.purpose] = record.recordedAt;
    else histories.set(record.purpose, [...(histories.get(record.purpose) ?? []), consentEvent(record, record.decision)]);
  }
  const consents = Object.fromEntries([...histories].map(([purpose, history]) => [purpose, consentStateAfter(history, now)]));
  return { subject, restricted, objections, consents };
}

function consentEvent(record: ConsentRow, kind: ConsentEvent["kind"]): ConsentEvent {
  return {
    kind,
    recordedAtMs: record.recordedAt,
    validUntilMs: record.validUntil ?? undefined,
    noticeVersion: record.noticeVersion ?? undefined,
    provenance: record.provenance,
  };
}

function keyFacts(row: KeyRow): KeyFacts {
  return {
    hash: row.hash,
    scopes: JSON.parse(row.scopes),
    expiresAtMs: row.expiresAt ?? undefined,
    revokedAtMs: row.revokedAt ?? undefined,
  };
}

function modelsOf(ids: string[], deployments: DeploymentRow[]): Record<string, ModelFacts> {
  return Object.fromEntries(ids.map((id) => [id, { deployments: deployments.filter((row) => row.model === id).map(admissionFacts) }]));
}

function admissionFacts(row: DeploymentRow): AdmissionDeployment {
  return {
    id: row.id,
    weight: row.weight,
    price: row.priceVersion,
    // Cloudflare says of no place where Workers AI runs a model: what a tenant asserts of it is not known.
    region: row.provider === "workers-ai" ? undefined : row.region,
    stores_in: JSON.parse(row.storesIn),
    logs_in: row.logsIn === null ? undefined : JSON.parse(row.logsIn),
    retention_days: row.retentionDays ?? undefined,
    trains_on_content: row.trainsOnContent === "unknown" ? "unknown" : row.trainsOnContent === "true",
    subprocessor: row.subprocessor ?? undefined,
    transfer: row.transfer ?? undefined,
  };
}

function routeOf(row: DeploymentRow): DeploymentRoute {
  const { id, model, provider, baseUrl, credentialSealed, upstreamModel, maxOutputTokens, region, priceVersion } = row;
  const parsed = parseTokenPrice(JSON.parse(row.price));
  if (!parsed.ok) throw new Error(`A stored price cannot be read: ${parsed.message}`);
  return { id, model, provider, baseUrl, credentialSealed, upstreamModel, maxOutputTokens, region, priceVersion, price: parsed.price };
}

function purposesOf(recorded: { id: string; body: string }[], notices: { purpose: string; version: number }[]): Record<string, Purpose> {
  if (recorded.length === 0) return { [defaultPurpose]: { basis: "contract" } };
  const material = new Map(notices.map((row) => [row.purpose, row.version]));
  return Object.fromEntries(recorded.map(({ id, body }) => [id, { ...JSON.parse(body), material_notice_version: material.get(id) }]));
}

function residencyOf(row: PolicyRow | undefined): ResidencyPolicy {
  // Until a tenant says otherwise every place is admitted, known or not: its policy is its own instruction (Art. 28(3)(a) GDPR).
  if (row?.residency == null) return { ...openResidencyPolicy, unknown: "allow" };
  const parsed = parseResidencyPolicy(JSON.parse(row.residency));
  if (!parsed.ok) throw new Error(`A stored residency policy cannot be read: ${parsed.message}`);
  return parsed.policy;
}

function requirementsOf(row: PolicyRow | undefined): Pick<AdmissionSnapshot, "requiredPurposes" | "minProvenance"> {
  if (row?.policy == null) return { requiredPurposes: [] };
  const policy: { required_purposes: string[]; min_provenance?: Provenance } = JSON.parse(row.policy);
  return { requiredPurposes: policy.required_purposes, minProvenance: policy.min_provenance };
}

/** The rows of one statement of a batch. Their type is what the statement's columns are; D1 cannot know it. */
function rows<Row>(result: D1Result | undefined): Row[] {
  const found: unknown[] = result?.results ?? [];
  return found.map((row) => row as Row); // oxlint-disable-line typescript/no-unsafe-type-assertion
}
