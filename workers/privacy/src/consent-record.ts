import type { Cell } from "@weir/domain/cells";
import { dpvConsentStatus } from "@weir/domain/privacy/consent";
import type { LegalBasis } from "@weir/domain/privacy/purposes";
import type { ConsentRow } from "./consent-history.ts";
import type { Notice } from "./notices.ts";

export type RecordedState = "given" | "renewed" | "refused" | "withdrawn";

export interface RecordFacts {
  cell: Cell;
  controller: { id: string; name: string };
  /** `sub_…`: the person's own name is nowhere in the record. */
  subject: string;
  /** One row for each purpose of the choice; never empty. */
  rows: (ConsentRow & { state: RecordedState })[];
  bases: Readonly<Record<string, LegalBasis | undefined>>;
  /** What the person was shown; for a withdrawal, when they consented. */
  notices: readonly Notice[];
  /** The storage plane of the residency policy. */
  storage: readonly string[];
}

export type JsonLd = { [name: string]: string | JsonLd | (string | JsonLd)[] };

// Inline, so that the record means the same offline.
const CONTEXT = {
  dpv: "https://w3id.org/dpv#",
  "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
  loc: "https://w3id.org/dpv/loc#",
  dct: "http://purl.org/dc/terms/",
  rdf: "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
  schema: "https://schema.org/",
  weir: "urn:weir:vocabulary:",
};

/** What the controller has not told Weir is said to be so, never made up. */
const NOT_RECORDED = "not recorded";

const LEGAL_BASIS: Readonly<Record<LegalBasis, string>> = {
  consent: "eu-gdpr:A6-1-a",
  contract: "eu-gdpr:A6-1-b",
  legal_obligation: "eu-gdpr:A6-1-c",
  vital_interests: "eu-gdpr:A6-1-d",
  public_task: "eu-gdpr:A6-1-e",
  legitimate_interests: "eu-gdpr:A6-1-f",
};

/**
 * One choice as a consent record after ISO/IEC TS 27560, in the terms of the W3C Data Privacy Vocabulary: a process for each purpose, a
 * status for each thing that was said. The first row's id is the record's.
 */
export function consentRecord(facts: RecordFacts): JsonLd {
  const [first] = facts.rows;
  if (!first) throw new Error("A consent record needs a row");
  const controller = `urn:weir:tenant:${facts.controller.id}`;
  return {
    "@context": CONTEXT,
    "@type": "dpv:ConsentRecord",
    "@id": `urn:weir:consent:${first.id}`,
    "dct:identifier": first.id,
    "dpv:hasIdentifier": first.id,
    "dct:conformsTo": `https://w3id.org/dpv/schema/dpv-27560#${facts.cell === "eu" ? "record-eu-gdpr" : "record"}`,
    "dpv:hasDataSubject": { "@id": `urn:weir:subject:${facts.subject}` },
    "dpv:hasDataController": controller,
    "dpv:hasEntity": [entity(controller, facts.controller.name)],
    "dpv:hasJurisdiction": location(facts.cell),
    "dpv:hasLegalBasis": [...new Set(facts.rows.map((row) => legalBasis(facts, row.purpose)))],
    "dpv:hasProcess": facts.rows.map((row) => process(facts, row, controller)),
    ...(facts.notices.length === 0 ? {} : { "dpv:hasNotice": facts.notices.map(notice) }),
    "dpv:hasConsentControl": { "@type": ["dpv:WithdrawConsent"], "dpv:isExercisedAt": "/privacy/v1/consents" },
    "dpv:hasRight": "eu-gdpr:A7-3",
    "dpv:hasConsentStatus": statuses(facts.rows),
    "weir:provenance": first.provenance,
  };
}

function entity(id: string, name: string): JsonLd {
  return { "@id": id, "dpv:hasName": name, "schema:contactPoint": { "schema:name": name, "schema:address": NOT_RECORDED } };
}

function process(facts: RecordFacts, row: ConsentRow, controller: string): JsonLd {
  return {
    "@id": `urn:weir:consent:${row.id}`,
    "dpv:hasPurpose": `weir:${row.purpose}`,
    "dpv:hasLegalBasis": legalBasis(facts, row.purpose),
    // What a request for inference carries; what else a purpose uses, its notice says.
    "dpv:hasPersonalData": ["weir:prompt", "weir:completion"],
    "dpv:hasRecipient": [controller],
    "dpv:hasStorageCondition": [
      { "@type": "dpv:StorageLocation", "dpv:hasLocation": [...new Set([facts.cell, ...facts.storage].map(location))] },
      { "@type": "dpv:StorageDuration", "dpv:hasDuration": { "@type": "dpv:IndeterminateDuration", "rdf:value": NOT_RECORDED } },
    ],
  };
}

function legalBasis({ bases }: RecordFacts, purpose: string): string {
  return LEGAL_BASIS[bases[purpose] ?? "consent"];
}

function notice({ hash, language, version }: Notice): JsonLd {
  return {
    "@id": `urn:weir:notice:${hash}`,
    "@type": "dpv:ConsentNotice",
    "dct:language": language,
    "dct:identifier": hash,
    "dct:hasVersion": String(version),
  };
}

function statuses(rows: RecordFacts["rows"]): JsonLd[] {
  const states = [...new Set(rows.map((row) => row.state))];
  return states.map((state) =>
    status(
      state,
      rows.filter((row) => row.state === state),
    ),
  );
}

function status(state: RecordedState, rows: RecordFacts["rows"]): JsonLd {
  const [row] = rows;
  const expressed = state === "given" || state === "renewed" ? ["dpv:ExpressedConsent"] : [];
  return {
    "@type": [dpvConsentStatus[state], ...expressed],
    "dpv:hasPurpose": rows.map(({ purpose }) => `weir:${purpose}`),
    "dpv:isIndicatedBy": "dpv:DataSubject",
    // The moment of recording, by the server: when the person decided, nobody has shown.
    "dpv:isIndicatedAtTime": new Date(row?.recordedAt ?? 0).toISOString(),
    "dpv:hasIndicationMethod": `weir:${row?.provenance ?? "imported"}`,
    "dpv:hasDuration": duration(row?.validUntil ?? null),
  };
}

function duration(validUntil: number | null): JsonLd {
  if (validUntil === null) return { "@type": "dpv:UntilEventDuration", "rdf:value": "withdrawal or a material change of the notice" };
  return { "@type": "dpv:UntilTimeDuration", "rdf:value": new Date(validUntil).toISOString() };
}

function location(code: string): string {
  return code === "*" ? "weir:anywhere" : `loc:${code.toUpperCase()}`;
}
