import type { Provenance } from "@weir/domain/privacy/consent";
import { newEvent } from "@weir/events/catalogue";
import { commit, type Background } from "@weir/http/commit";
import { tellGate } from "@weir/http/gate-client";
import type { Env } from "./env.ts";
import { untilNotOvertaken } from "./overtaken.ts";
import { loadPolicy, nextVersionStatement, type Requirements } from "./policy-version.ts";
import { loadPurposes, refuseBundling, requireRecorded } from "./purposes.ts";

/** Sets what every request must satisfy beside its own purpose. The same again changes nothing and is confirmed anew. */
export async function setPolicy(env: Env, background: Background, tenant: string, fields: Requirements, now: number) {
  const requirements: Requirements = { ...fields, required_purposes: [...new Set(fields.required_purposes)] };
  const version = await untilNotOvertaken(async () => {
    const [before, recorded] = await Promise.all([loadPolicy(env.DB, tenant), loadPurposes(env.DB, tenant)]);
    requireRecorded(recorded, requirements.required_purposes, "required_purposes");
    refuseBundling(requirements.required_purposes, recorded, "required_purposes");
    if (before.version > 0 && JSON.stringify(shown(before.requirements)) === JSON.stringify(shown(requirements))) return before.version;
    const version = before.version + 1;
    const id = `${tenant}.policy.${version}`;
    await commit(env, background, {
      worker: "privacy",
      cause: id,
      now,
      statements: [nextVersionStatement(env.DB, { tenant, from: before.version, policy: JSON.stringify(requirements), now })],
      events: [newEvent("policy.changed", { id, tenant, now, data: { version, ...shown(requirements) } })],
    });
    return version;
  });
  return { ...shown(requirements), version, ...(await tellGate(env, tenant, ["policy"])) };
}

export async function showPolicy(db: D1Database, tenant: string) {
  const { requirements, version, updatedAt } = await loadPolicy(db, tenant);
  return { ...shown(requirements), version, updated_at: updatedAt === null ? null : new Date(updatedAt).toISOString() };
}

function shown({ required_purposes, min_provenance }: Requirements): { required_purposes: string[]; min_provenance: Provenance | null } {
  return { required_purposes, min_provenance: min_provenance ?? null };
}
