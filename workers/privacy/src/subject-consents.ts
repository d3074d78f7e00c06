import { WeirError } from "@weir/domain/errors";
import { consentStates, loadHistory, showRow } from "./consent-history.ts";
import type { Env } from "./env.ts";
import { materialNotices } from "./notices.ts";
import { loadPurposes } from "./purposes.ts";
import { findSubject } from "./subjects.ts";

/** Where a person stands on each purpose, and all that they have chosen, oldest first. */
export async function subjectConsents(
  env: Env,
  tenant: string,
  name: string,
  page: { cursor?: string | undefined; limit: number },
  now: number,
) {
  const subject = await findSubject(env, tenant, name);
  if (subject === undefined) throw new WeirError("not_found", "Nothing with this id is found.");
  const [history, notices, purposes] = await Promise.all([
    loadHistory(env.DB, tenant, subject),
    materialNotices(env.DB, tenant),
    loadPurposes(env.DB, tenant),
  ]);
  const after = page.cursor === undefined ? 0 : Number(page.cursor);
  const rest = history.filter((row) => row.sequence > after);
  const items = rest.slice(0, page.limit);
  const last = items.at(-1);
  return {
    subject,
    state: consentStates(Object.keys(purposes), history, notices, now),
    items: items.map(showRow),
    next_cursor: rest.length > items.length && last ? String(last.sequence) : null,
  };
}
