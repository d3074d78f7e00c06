import { checkResidency, type DeploymentEligibility } from "@weir/domain/inference/admission";
import { utf8Bytes } from "@weir/domain/inference/worst-case";
import type { EventData } from "@weir/events/catalogue";
import type { AdmissionQuestion } from "./admission.ts";
import type { TenantSnapshot } from "./snapshot.ts";

type Considered = EventData<"inference.completed">["considered"];

const MAX_DEPLOYMENTS = 64;
const MAX_REASON_LENGTH = 300;
/** Bytes of reasons in one event, as JSON: it must fit a queue message with room to spare, whatever a policy lists. */
const MAX_REASONS_BYTES = 24_000;

/** Which deployments of the model could serve, and why the others could not, as events tell it. */
export function consider(snapshot: TenantSnapshot, question: AdmissionQuestion): Considered {
  const model = Object.hasOwn(snapshot.models, question.model) ? snapshot.models[question.model] : undefined;
  const key = snapshot.keys[question.key.id];
  return model === undefined ? [] : told(checkResidency(model, question.country, [snapshot.residency, key?.residency]));
}

/** Cuts what does not fit, and says how much it was. */
export function told(considered: readonly DeploymentEligibility[]): Considered {
  let room = MAX_REASONS_BYTES;
  return considered.slice(0, MAX_DEPLOYMENTS).map(({ id, eligible, reasons }) => {
    const kept: string[] = [];
    for (const reason of reasons) {
      const short = reason.length > MAX_REASON_LENGTH ? `${reason.slice(0, MAX_REASON_LENGTH)}…` : reason;
      const bytes = utf8Bytes(JSON.stringify(short));
      if (bytes > room) break;
      room -= bytes;
      kept.push(short);
    }
    return { id, eligible, reasons: kept.length < reasons.length ? [...kept, `and ${reasons.length - kept.length} more`] : kept };
  });
}
