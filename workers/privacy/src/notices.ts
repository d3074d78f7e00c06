import { toHex } from "@weir/domain/encoding/hex";
import { toUtf8 } from "@weir/domain/encoding/utf8";
import { WeirError } from "@weir/domain/errors";
import { newEvent } from "@weir/events/catalogue";
import { commit, type Background } from "@weir/http/commit";
import { tellGate } from "@weir/http/gate-client";
import type { Env } from "./env.ts";
import { untilNotOvertaken } from "./overtaken.ts";
import { loadPurposes, requireRecorded } from "./purposes.ts";

export interface NewNotice {
  language: string;
  text: string;
  purposes: string[];
  change: "material" | "editorial";
}

export interface Notice {
  hash: string;
  language: string;
  text: string;
  purposes: string[];
  change: "material" | "editorial";
  version: number;
  publishedAt: number;
}

/** A material notice of one purpose: consent to an earlier version ends with it. */
export interface MaterialNotice {
  purpose: string;
  version: number;
  publishedAt: number;
}

/** Publishes the text that people are shown. Its name is the SHA-256 of its bytes, so that nobody can change it afterwards. */
export async function publishNotice(env: Env, background: Background, tenant: string, fields: NewNotice, now: number) {
  const language = canonicalLanguage(fields.language);
  if (!fields.text.isWellFormed())
    throw new WeirError("unprocessable", "text: has half a character in it (a lone surrogate).", { param: "text" });
  const purposes = [...new Set(fields.purposes)];
  requireRecorded(await loadPurposes(env.DB, tenant), purposes, "purposes");
  const hash = toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", toUtf8(fields.text))));
  const { notice, isNew } = await untilNotOvertaken(async () => {
    const known = await findNotice(env.DB, tenant, hash);
    if (known) return { notice: sameNotice(known, language, purposes), isNew: false };
    const { latest, covered } = await published(env.DB, tenant);
    if (fields.change === "editorial") requireEarlierNotice(covered, purposes);
    const notice: Notice = { hash, language, text: fields.text, purposes, change: fields.change, version: latest + 1, publishedAt: now };
    await commit(env, background, {
      worker: "privacy",
      cause: `${tenant}.notice.${notice.version}`,
      now,
      statements: [insertStatement(env.DB, tenant, notice)],
      events: [
        newEvent("notice.published", {
          id: `${tenant}.notice.${notice.version}`,
          tenant,
          now,
          data: { hash, language, version: notice.version, change: notice.change, purposes },
        }),
      ],
    });
    return { notice, isNew: true };
  });
  return { isNew, answer: { ...describeNotice(notice), ...(await tellGate(env, tenant, ["policy"])) } };
}

/** A tenant's notice by its hash; undefined: this tenant has published no such text. */
export async function findNotice(db: D1Database, tenant: string, hash: string): Promise<Notice | undefined> {
  const row = await db
    .prepare(
      "SELECT hash, language, text, purposes, change, version, published_at AS publishedAt FROM notice WHERE tenant = ? AND hash = ?",
    )
    .bind(tenant, hash)
    .first<Omit<Notice, "purposes"> & { purposes: string }>();
  return row ? { ...row, purposes: JSON.parse(row.purposes) } : undefined;
}

/** Every material notice, once for each purpose that it is about; oldest first. */
export async function materialNotices(db: D1Database, tenant: string): Promise<MaterialNotice[]> {
  const { results } = await db
    .prepare(
      `SELECT purpose.value AS purpose, version, published_at AS publishedAt FROM notice, json_each(notice.purposes) AS purpose
       WHERE tenant = ? AND change = 'material' ORDER BY version`,
    )
    .bind(tenant)
    .all<MaterialNotice>();
  return results;
}

export function describeNotice({ hash, version, language, purposes, change, publishedAt }: Notice) {
  return { hash, version, language, purposes, change, published_at: new Date(publishedAt).toISOString() };
}

function sameNotice(known: Notice, language: string, purposes: readonly string[]): Notice {
  const same =
    known.language === language && known.purposes.length === purposes.length && purposes.every((id) => known.purposes.includes(id));
  if (same) return known;
  const message = `This text is published as version ${known.version}, in ${known.language} for ${known.purposes.join(", ")}. What is said for other purposes is another text.`;
  throw new WeirError("conflict", message, { param: "text" });
}

async function published(db: D1Database, tenant: string): Promise<{ latest: number; covered: Set<string> }> {
  const { results } = await db
    .prepare(
      "SELECT purpose.value AS purpose, MAX(version) AS version FROM notice, json_each(notice.purposes) AS purpose WHERE tenant = ? GROUP BY purpose.value",
    )
    .bind(tenant)
    .all<{ purpose: string; version: number }>();
  return { latest: Math.max(0, ...results.map((row) => row.version)), covered: new Set(results.map((row) => row.purpose)) };
}

/** There is nothing that an editorial change could leave the same where nothing was ever said. */
function requireEarlierNotice(covered: ReadonlySet<string>, purposes: readonly string[]): void {
  const first = purposes.find((id) => !covered.has(id));
  if (first === undefined) return;
  throw new WeirError("unprocessable", `change: the first notice of purpose "${first}" is material.`, { param: "change" });
}

function insertStatement(db: D1Database, tenant: string, notice: Notice): D1PreparedStatement {
  return db
    .prepare("INSERT INTO notice (tenant, hash, language, text, purposes, change, version, published_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
    .bind(
      tenant,
      notice.hash,
      notice.language,
      notice.text,
      JSON.stringify(notice.purposes),
      notice.change,
      notice.version,
      notice.publishedAt,
    );
}

/** A language tag (BCP 47) in its canonical spelling: `de`, `pt-BR`, `zh-Hant-TW`. */
export function canonicalLanguage(tag: string): string {
  // Longer first parts are well-formed and name no language: "english".
  if (/^[a-z]{2,3}(-|$)/i.test(tag)) {
    try {
      const [canonical] = Intl.getCanonicalLocales(tag);
      if (canonical !== undefined) return canonical;
    } catch {
      // Not well-formed.
    }
  }
  throw new WeirError("unprocessable", "language: must be a language tag (BCP 47) such as `en`, `de` or `pt-BR`.", { param: "language" });
}
