import { membersOf, readCode, readCountry } from "./countries.ts";

/** Where a request comes in, where the model runs, where content rests, where logs rest. */
export const residencyPlanes = ["ingress", "inference", "storage", "logs"] as const;

export type ResidencyPlane = (typeof residencyPlanes)[number];

/** Codes as in `countries.ts`: a country, `eu`, `eea` or `*`. No code at all means nowhere. */
export interface ResidencyPolicy extends Readonly<Record<ResidencyPlane, readonly string[]>> {
  /** Whether a place that is not known is admitted. It never excuses an unknown retention or use for training. */
  readonly unknown: "deny" | "allow";
  readonly zero_retention: "require" | "allow";
  readonly training: "deny" | "allow";
}

/** A project's, key's or request's own policy: what it leaves out is as above it. */
export type ResidencyNarrowing = Partial<ResidencyPolicy>;

/** Admits every known place, whatever is done there. What a policy leaves out is as here. */
export const openResidencyPolicy: ResidencyPolicy = {
  ingress: ["*"],
  inference: ["*"],
  storage: ["*"],
  logs: ["*"],
  unknown: "deny",
  zero_retention: "allow",
  training: "allow",
};

/** What is known about a deployment. A fact that is missing, or a place that is not a code, is unknown and counts as worst. */
export interface DeploymentFacts {
  readonly region?: string | undefined;
  /** Empty: stores nothing anywhere. Left out: nobody knows. */
  readonly stores_in?: readonly string[] | undefined;
  readonly logs_in?: readonly string[] | undefined;
  readonly retention_days?: number | undefined;
  readonly trains_on_content?: boolean | "unknown" | undefined;
  /** Who processes there, and on what ground data goes there (GDPR Chapter V). Shown and recorded; a policy does not test them. */
  readonly subprocessor?: string | undefined;
  readonly transfer?: string | undefined;
}

/** Reasons say which plane, which value, which policy. */
export interface Eligibility {
  readonly eligible: boolean;
  readonly reasons: readonly string[];
}

export type ParsedResidency<Policy> =
  | { readonly ok: true; readonly policy: Policy }
  | { readonly ok: false; readonly param: string; readonly codes: readonly string[]; readonly message: string };

const switches = {
  unknown: ["deny", "allow"],
  zero_retention: ["require", "allow"],
  training: ["deny", "allow"],
} as const;

/** Reads a whole policy; what is left out is as in `openResidencyPolicy`. Unknown codes and fields are refused, the field named. */
export function parseResidencyPolicy(input: unknown): ParsedResidency<ResidencyPolicy> {
  const parsed = parseResidencyNarrowing(input);
  return parsed.ok ? { ok: true, policy: { ...openResidencyPolicy, ...parsed.policy } } : parsed;
}

/** Reads a policy of a lower level, in which everything may be left out. */
export function parseResidencyNarrowing(input: unknown): ParsedResidency<ResidencyNarrowing> {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    return { ok: false, param: "residency", codes: [], message: "A residency policy is an object" };
  }
  const policy: ResidencyNarrowing = {};
  for (const [field, value] of Object.entries(input)) {
    if (value === undefined) continue;
    const parsed = parseField(field, value);
    if (!parsed.ok) return parsed;
    Object.assign(policy, parsed.policy);
  }
  return { ok: true, policy };
}

/**
 * The policy of a lower level under its parent. Only narrows: a child that would admit what its parent does not is refused, the plane
 * and the codes named.
 */
export function narrow(parent: ResidencyPolicy, child: ResidencyNarrowing): ParsedResidency<ResidencyPolicy> {
  for (const plane of residencyPlanes) {
    const codes = (child[plane] ?? []).filter((code) => !isWithin(code, parent[plane]));
    if (codes.length > 0) {
      const message = `${plane}: ${quoted(codes)} is outside ${quoted(parent[plane])}, and a lower level can only narrow`;
      return { ok: false, param: plane, codes, message };
    }
  }
  for (const name of ["unknown", "zero_retention", "training"] as const) {
    if (parent[name] !== "allow" && child[name] === "allow") {
      const message = `${name}: "allow" is wider than "${parent[name]}", and a lower level can only narrow`;
      return { ok: false, param: name, codes: [], message };
    }
  }
  return { ok: true, policy: { ...parent, ...child } };
}

/** Whether a deployment may serve under the policy: each of its places lies within the plane's, and its retention and training suit. */
export function eligible(facts: DeploymentFacts, policy: ResidencyPolicy): Eligibility {
  const reasons = [
    ...placeReasons("inference", facts.region === undefined ? undefined : [facts.region], policy),
    ...placeReasons("storage", facts.stores_in, policy),
    ...placeReasons("logs", facts.logs_in, policy),
    ...retentionReasons(facts.retention_days, policy),
    ...trainingReasons(facts.trains_on_content, policy),
  ];
  return { eligible: reasons.length === 0, reasons };
}

/**
 * Why a request that connects from this country may not come in, or undefined when it may. The country is the network's word, never a
 * client's header.
 */
export function ingressReason(country: string | undefined, policy: ResidencyPolicy): string | undefined {
  const [reason] = placeReasons("ingress", [readCountry(country) ?? "unknown"], policy);
  return reason;
}

/** Whether all countries of a code are among those of the codes. */
function isWithin(code: string, codes: readonly string[]): boolean {
  if (codes.includes(code) || codes.includes("*")) return true;
  return [...membersOf(code)].every((country) => codes.some((admitted) => membersOf(admitted).has(country)));
}

function placeReasons(plane: ResidencyPlane, places: readonly string[] | undefined, policy: ResidencyPolicy): string[] {
  if (places === undefined) return policy.unknown === "allow" ? [] : [unknownPlace(plane, "")];
  return places.flatMap((place) => {
    const code = readCode(place);
    if (code === undefined) return policy.unknown === "allow" ? [] : [unknownPlace(plane, place)];
    return isWithin(code, policy[plane]) ? [] : [`${plane}: "${code}" is outside the policy's ${quoted(policy[plane])}`];
  });
}

function unknownPlace(plane: ResidencyPlane, place: string): string {
  const named = place === "" || place === "unknown" ? "" : ` ("${place.slice(0, 32)}")`;
  return `${plane}: the place is unknown${named}, and the policy says unknown: deny`;
}

function retentionReasons(days: number | undefined, policy: ResidencyPolicy): string[] {
  if (policy.zero_retention === "allow" || days === 0) return [];
  const kept = days === undefined ? "for an unknown time" : `for ${days} days`;
  return [`storage: content is kept ${kept}, and the policy says zero_retention: require`];
}

function trainingReasons(trains: boolean | "unknown" | undefined, policy: ResidencyPolicy): string[] {
  if (policy.training === "allow" || trains === false) return [];
  const what = trains === true ? "content is used for training" : "whether content is used for training is unknown";
  return [`inference: ${what}, and the policy says training: deny`];
}

function parseField(field: string, value: unknown): ParsedResidency<ResidencyNarrowing> {
  switch (field) {
    case "ingress":
    case "inference":
    case "storage":
    case "logs":
      return parsePlane(field, value);
    case "unknown":
      return value === "deny" || value === "allow" ? { ok: true, policy: { unknown: value } } : badSwitch(field);
    case "zero_retention":
      return value === "require" || value === "allow" ? { ok: true, policy: { zero_retention: value } } : badSwitch(field);
    case "training":
      return value === "deny" || value === "allow" ? { ok: true, policy: { training: value } } : badSwitch(field);
    default:
      return { ok: false, param: field, codes: [], message: `${field}: a residency policy has no such field` };
  }
}

function parsePlane(plane: ResidencyPlane, value: unknown): ParsedResidency<ResidencyNarrowing> {
  if (!Array.isArray(value)) return { ok: false, param: plane, codes: [], message: `${plane}: must be a list of codes` };
  const codes = new Set<string>();
  const unreadable: string[] = [];
  for (const item of value) {
    const code = typeof item === "string" ? readCode(item) : undefined;
    if (code === undefined) unreadable.push(typeof item === "string" ? item.slice(0, 32) : typeof item);
    else codes.add(code);
  }
  if (unreadable.length > 0) {
    const message = `${plane}: ${quoted(unreadable)} is neither a country (ISO 3166-1 alpha-2) nor "eu", "eea" or "*"`;
    return { ok: false, param: plane, codes: unreadable, message };
  }
  return { ok: true, policy: { [plane]: [...codes] } };
}

function badSwitch(field: keyof typeof switches): ParsedResidency<ResidencyNarrowing> {
  const [strict, open] = switches[field];
  return { ok: false, param: field, codes: [], message: `${field}: must be "${strict}" or "${open}"` };
}

function quoted(codes: readonly string[]): string {
  return codes.length === 0 ? "nowhere" : codes.map((code) => `"${code}"`).join(", ");
}
