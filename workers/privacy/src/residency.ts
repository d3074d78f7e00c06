import { WeirError } from "@weir/domain/errors";
import { openResidencyPolicy, parseResidencyPolicy, type ResidencyPolicy } from "@weir/domain/privacy/residency";
import { newEvent } from "@weir/events/catalogue";
import { commit, type Background } from "@weir/http/commit";
import { tellGate } from "@weir/http/gate-client";
import type { Env } from "./env.ts";
import { untilNotOvertaken } from "./overtaken.ts";
import { loadPolicy, nextVersionStatement, type PrivacyPolicy } from "./policy-version.ts";

// Code and TLS run wherever the user connects, unless Regional Services is configured on the host name: ingress can refuse, not prevent.
export const INGRESS_IS = "advisory" as const;

// Until a tenant says otherwise every place is admitted, known or not; the Gate holds to the same.
const beforeAnyInstruction: ResidencyPolicy = { ...openResidencyPolicy, unknown: "allow" };

/** Sets the whole residency policy: what is left out is open. The same policy again changes nothing and is confirmed anew. */
export async function setResidency(env: Env, background: Background, tenant: string, input: unknown, now: number) {
  const parsed = parseResidencyPolicy(input);
  if (!parsed.ok) throw new WeirError("unprocessable", `${parsed.message}.`, { param: parsed.param, extra: { codes: parsed.codes } });
  const residency = JSON.stringify(parsed.policy);
  const version = await untilNotOvertaken(async () => {
    const before = await loadPolicy(env.DB, tenant);
    if (before.residency === residency) return before.version;
    const version = before.version + 1;
    const id = `${tenant}.residency.${version}`;
    await commit(env, background, {
      worker: "privacy",
      cause: id,
      now,
      statements: [nextVersionStatement(env.DB, { tenant, from: before.version, residency, now })],
      events: [newEvent("residency.changed", { id, tenant, now, data: { version, policy: { ...parsed.policy } } })],
    });
    return version;
  });
  return { ...shown(parsed.policy, version), ...(await tellGate(env, tenant, ["policy"])) };
}

export async function showResidency(db: D1Database, tenant: string) {
  const stored = await loadPolicy(db, tenant);
  return {
    ...shown(residencyOf(stored), stored.version),
    updated_at: stored.updatedAt === null ? null : new Date(stored.updatedAt).toISOString(),
  };
}

export function residencyOf(stored: PrivacyPolicy): ResidencyPolicy {
  if (stored.residency === null) return beforeAnyInstruction;
  const parsed = parseResidencyPolicy(JSON.parse(stored.residency));
  if (!parsed.ok) throw new Error(`A stored residency policy cannot be read: ${parsed.message}`);
  return parsed.policy;
}

function shown({ ingress, inference, storage, logs, ...switches }: ResidencyPolicy, version: number) {
  const planes = { ingress: [...ingress], inference: [...inference], storage: [...storage], logs: [...logs] };
  return { ...planes, ...switches, version, ingress_is: INGRESS_IS };
}
