import { describe, expect, test } from "vitest";
import type { ConsentRow } from "./consent-history.ts";
import { consentRecord, type RecordedState, type RecordFacts } from "./consent-record.ts";

const HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

function aRow(fields: Partial<ConsentRow & { state: RecordedState }> = {}): ConsentRow & { state: RecordedState } {
  return {
    id: "con_eu_00000000000000000000000001",
    purpose: "training",
    decision: "given",
    state: "given",
    notice: HASH,
    noticeVersion: 1,
    provenance: "app_asserted",
    validUntil: null,
    recordedAt: Date.UTC(2026, 0, 1),
    sequence: 1,
    ...fields,
  };
}

function aRecord(fields: Partial<RecordFacts> = {}) {
  return consentRecord({
    cell: "eu",
    controller: { id: "t_eu_1", name: "Acme" },
    subject: "sub_eu_1",
    rows: [aRow()],
    bases: { training: "consent" },
    notices: [{ hash: HASH, language: "en", text: "We train.", purposes: ["training"], change: "material", version: 1, publishedAt: 0 }],
    storage: ["eu"],
    ...fields,
  });
}

describe("a consent record", () => {
  test("has every field that ISO/IEC TS 27560 demands, in the terms of DPV", () => {
    expect(aRecord()).toMatchObject({
      "@type": "dpv:ConsentRecord",
      "dct:conformsTo": "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr",
      "dct:identifier": "con_eu_00000000000000000000000001",
      "dpv:hasDataSubject": { "@id": "urn:weir:subject:sub_eu_1" },
      "dpv:hasDataController": "urn:weir:tenant:t_eu_1",
      "dpv:hasJurisdiction": "loc:EU",
      "dpv:hasLegalBasis": ["eu-gdpr:A6-1-a"],
      "dpv:hasEntity": [
        { "@id": "urn:weir:tenant:t_eu_1", "dpv:hasName": "Acme", "schema:contactPoint": { "schema:address": "not recorded" } },
      ],
      "dpv:hasProcess": [
        {
          "dpv:hasPurpose": "weir:training",
          "dpv:hasRecipient": ["urn:weir:tenant:t_eu_1"],
          "dpv:hasStorageCondition": [
            { "@type": "dpv:StorageLocation", "dpv:hasLocation": ["loc:EU"] },
            { "@type": "dpv:StorageDuration" },
          ],
        },
      ],
      "dpv:hasNotice": [{ "@id": `urn:weir:notice:${HASH}`, "@type": "dpv:ConsentNotice", "dct:language": "en" }],
      "dpv:hasConsentControl": { "@type": ["dpv:WithdrawConsent"] },
      "dpv:hasRight": "eu-gdpr:A7-3",
      "dpv:hasConsentStatus": [
        {
          "@type": ["dpv:ConsentGiven", "dpv:ExpressedConsent"],
          "dpv:isIndicatedAtTime": "2026-01-01T00:00:00.000Z",
          "dpv:isIndicatedBy": "dpv:DataSubject",
          "dpv:hasDuration": { "@type": "dpv:UntilEventDuration" },
        },
      ],
    });
  });

  test("of several purposes has a process for each, and a status for each thing that was said", () => {
    const rows = [aRow(), aRow({ id: "con_eu_2", purpose: "profiling", state: "renewed" })];
    const record = aRecord({ rows, bases: { training: "consent", profiling: "legitimate_interests" } });
    expect(record["dpv:hasProcess"]).toMatchObject([
      { "dpv:hasPurpose": "weir:training", "dpv:hasLegalBasis": "eu-gdpr:A6-1-a" },
      { "dpv:hasPurpose": "weir:profiling", "dpv:hasLegalBasis": "eu-gdpr:A6-1-f" },
    ]);
    expect(record["dpv:hasConsentStatus"]).toMatchObject([
      { "@type": ["dpv:ConsentGiven", "dpv:ExpressedConsent"], "dpv:hasPurpose": ["weir:training"] },
      { "@type": ["dpv:RenewedConsentGiven", "dpv:ExpressedConsent"], "dpv:hasPurpose": ["weir:profiling"] },
    ]);
  });

  test("says until when a consent holds", () => {
    const [status] = [aRecord({ rows: [aRow({ validUntil: Date.UTC(2027, 0, 1) })] })["dpv:hasConsentStatus"]].flat();
    expect(status).toMatchObject({ "dpv:hasDuration": { "@type": "dpv:UntilTimeDuration", "rdf:value": "2027-01-01T00:00:00.000Z" } });
  });

  test("of a refusal does not read as consent", () => {
    const text = JSON.stringify(aRecord({ rows: [aRow({ decision: "refused", state: "refused" })] }));
    expect(text).toContain("dpv:ConsentRefused");
    expect(text).not.toMatch(/ConsentGiven|ExpressedConsent/);
  });

  test("outside the EU does not claim the GDPR profile", () => {
    expect(aRecord({ cell: "us" })["dct:conformsTo"]).toBe("https://w3id.org/dpv/schema/dpv-27560#record");
  });
});
