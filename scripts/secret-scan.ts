import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { ROOT } from "./run.ts";
import { type Finding, lineOf, type SourceFile, versionedFiles } from "./source-files.ts";

interface Pattern {
  name: string;
  find: RegExp;
}

/** Things that are a secret wherever they stand. The first capture group, where there is one, is the secret itself. */
const PATTERNS: readonly Pattern[] = [
  { name: "private key", find: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----\s*[A-Za-z0-9+/=]/g },
  { name: "Weir API key", find: /\bwk_(?:eu|us)_(?:operator|[a-z0-9]{26})_[a-z0-9]{26}_[a-z0-9]{39}\b/g },
  { name: "AWS access key", find: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g },
  { name: "OpenAI key", find: /\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{32,}/g },
  { name: "Anthropic key", find: /\bsk-ant-[A-Za-z0-9_-]{24,}/g },
  { name: "GitHub token", find: /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})\b/g },
  { name: "npm token", find: /\bnpm_[A-Za-z0-9]{36}\b/g },
  { name: "Slack token", find: /\bxox[abprs]-[A-Za-z0-9-]{20,}/g },
  { name: "Google API key", find: /\bAIza[A-Za-z0-9_-]{35}\b/g },
  { name: "Stripe key", find: /\b[rs]k_live_[A-Za-z0-9]{20,}\b/g },
  { name: "Cloudflare API token", find: /(?:CLOUDFLARE|CF)_API_(?:TOKEN|KEY)\W{1,6}([A-Za-z0-9_-]{32,})/gi },
];

/** A value given to a name that says it is secret. Counted only when the value looks random. */
const ASSIGNMENT =
  /(?:secret|token|passwd|password|api_?key|private_?key|cell_?key|operator_?key|credential)\w*["']?\s*[:=]\s*["'`]?([A-Za-z0-9+/=_-]{20,})["'`]?/gi;
/** Bits per character. Words and identifiers stay below; base64 and hex of random bytes are above. */
const LEAST_ENTROPY = 3.6;
const LARGEST_FILE_BYTES = 4_000_000;

const ALLOW_FILE = "scripts/secret-allow.txt";

/** Looks through everything that is or would be in git. */
export async function leakedSecrets(): Promise<Finding[]> {
  const allowed = parseAllowList(await readFile(join(ROOT, ALLOW_FILE), "utf8"));
  const findings: Finding[] = [];
  for (const path of await versionedFiles()) {
    const file = path === ALLOW_FILE ? undefined : await readText(path);
    if (file) findings.push(...secretsIn(file, allowed));
  }
  for (const mark of allowed.unused())
    findings.push({ path: ALLOW_FILE, line: mark.line, message: "nothing matches this entry any more: remove it" });
  return findings;
}

export function secretsIn(file: SourceFile, allowed: AllowList): Finding[] {
  const findings: Finding[] = [];
  const report = (name: string, secret: string, offset: number) => {
    const fingerprint = fingerprintOf(secret);
    if (allowed.allows(file.path, fingerprint)) return;
    // The text itself is not repeated: logs travel further than files.
    const message = `looks like a ${name}. If it is none, add to ${ALLOW_FILE}: ${fingerprint} ${file.path} <why it is harmless>`;
    findings.push({ path: file.path, line: lineOf(file.text, offset), message });
  };
  for (const { name, find } of PATTERNS) {
    for (const match of file.text.matchAll(find)) report(name, match[1] ?? match[0], match.index);
  }
  // Lock files are full of checksums, which are random and public.
  if (!file.path.endsWith("package-lock.json")) {
    for (const match of file.text.matchAll(ASSIGNMENT)) {
      const value = match[1] ?? "";
      if (looksRandom(value)) report("secret", value, match.index);
    }
  }
  return findings;
}

function looksRandom(value: string): boolean {
  // Both letters and digits: long identifiers and sentences have only the former.
  return /\d/.test(value) && /[A-Za-z]/.test(value) && entropy(value) >= LEAST_ENTROPY;
}

/** Shannon entropy in bits per character. */
function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

function fingerprintOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex").slice(0, 16);
}

interface AllowMark {
  fingerprint: string;
  path: string;
  line: number;
}

export interface AllowList {
  allows(path: string, fingerprint: string): boolean;
  unused(): AllowMark[];
}

/** One entry a line: fingerprint, path, reason. Lines that start with # are comments. */
export function parseAllowList(text: string): AllowList {
  const marks = text.split("\n").flatMap((entry, index) => {
    const [, fingerprint, path, reason] = /^([0-9a-f]{16}) (\S+) (\S.*)$/.exec(entry) ?? [];
    return fingerprint && path && reason ? [{ fingerprint, path, line: index + 1 }] : [];
  });
  const used = new Set<AllowMark>();
  return {
    allows(path, fingerprint) {
      const mark = marks.find((candidate) => candidate.path === path && candidate.fingerprint === fingerprint);
      if (mark) used.add(mark);
      return mark !== undefined;
    },
    unused: () => marks.filter((mark) => !used.has(mark)),
  };
}

async function readText(path: string): Promise<SourceFile | undefined> {
  const absolute = join(ROOT, path);
  const info = await stat(absolute);
  if (!info.isFile() || info.size > LARGEST_FILE_BYTES) return undefined;
  const text = await readFile(absolute, "utf8");
  return text.includes("\0") ? undefined : { path, text };
}
