import type { z } from "zod";
import { consentGiven } from "./consent-given.ts";
import { consentRefused } from "./consent-refused.ts";
import { consentRenewed } from "./consent-renewed.ts";
import { consentWithdrawn } from "./consent-withdrawn.ts";
import { creditChanged } from "./credit-changed.ts";
import { deploymentChanged } from "./deployment-changed.ts";
import { inferenceCompleted } from "./inference-completed.ts";
import { inferenceDenied } from "./inference-denied.ts";
import { keyCreated } from "./key-created.ts";
import { keyRevoked } from "./key-revoked.ts";
import { noticePublished } from "./notice-published.ts";
import { policyChanged } from "./policy-changed.ts";
import { purposeChanged } from "./purpose-changed.ts";
import { residencyChanged } from "./residency-changed.ts";
import { tenantCreated } from "./tenant-created.ts";
import { usageMetered } from "./usage-metered.ts";
import type { WorkerName } from "./workers.ts";

/** Every event of Weir. What is not here cannot be published and is poison to a consumer. */
export const CATALOGUE = {
  [inferenceCompleted.type]: inferenceCompleted,
  [inferenceDenied.type]: inferenceDenied,
  [usageMetered.type]: usageMetered,
  [tenantCreated.type]: tenantCreated,
  [keyCreated.type]: keyCreated,
  [keyRevoked.type]: keyRevoked,
  [creditChanged.type]: creditChanged,
  [deploymentChanged.type]: deploymentChanged,
  [noticePublished.type]: noticePublished,
  [purposeChanged.type]: purposeChanged,
  [consentGiven.type]: consentGiven,
  [consentRenewed.type]: consentRenewed,
  [consentRefused.type]: consentRefused,
  [consentWithdrawn.type]: consentWithdrawn,
  [policyChanged.type]: policyChanged,
  [residencyChanged.type]: residencyChanged,
};

export type EventType = keyof typeof CATALOGUE;
export type EventData<Type extends EventType> = z.infer<(typeof CATALOGUE)[Type]["schema"]>;

/** A CloudEvent of the catalogue. `subject` is the tenant's id. */
export interface WeirEvent<Type extends EventType = EventType> {
  specversion: "1.0";
  id: string;
  source: string;
  type: Type;
  time: string;
  subject: string;
  datacontenttype: "application/json";
  data: EventData<Type>;
}

export type AnyEvent = { [Type in EventType]: WeirEvent<Type> }[EventType];

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(CATALOGUE, type);
}

/** Makes an event. The id is made before the effect that it tells of, so that telling it twice is telling it once. */
export function newEvent<Type extends EventType>(
  type: Type,
  fields: { id: string; tenant: string; now: number; data: EventData<Type> },
): WeirEvent<Type> {
  return {
    specversion: "1.0",
    id: fields.id,
    source: `weir/${CATALOGUE[type].from}`,
    type,
    time: new Date(fields.now).toISOString(),
    subject: fields.tenant,
    datacontenttype: "application/json",
    data: fields.data,
  };
}

/** Who reads a type: those that the catalogue names, and compliance, which reads all. */
export function subscribersOf(type: EventType): WorkerName[] {
  return [...CATALOGUE[type].readBy, "compliance"];
}
