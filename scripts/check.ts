/** `npm run check`: everything that can be said about the code without running it. */
import { z } from "zod";
import { dryRunAll } from "./dry-run.ts";
import { bareFetches, impurities } from "./forbidden-globals.ts";
import { wrongImports } from "./import-direction.ts";
import { inParallel } from "./in-parallel.ts";
import { foreignLicences } from "./licences.ts";
import { run, said } from "./run.ts";
import { leakedSecrets } from "./secret-scan.ts";
import { type Finding, printFinding, workspaceSources } from "./source-files.ts";

interface Outcome {
  passed: boolean;
  /** Shown beside the name, whether it passed or not. */
  note?: string;
  /** Shown below a check that failed. */
  details?: string;
}

interface Check {
  name: string;
  run: () => Promise<Outcome>;
}

// The slow ones first: two run at a time.
const CHECKS: readonly Check[] = [
  { name: "wrangler", run: wranglerCheck },
  { name: "lint", run: () => program(["oxlint", "--type-aware", "--deny-warnings"]) },
  { name: "types", run: () => program(["tsc", "--noEmit"]) },
  { name: "dead code", run: () => program(["knip", "--no-progress"]) },
  { name: "format", run: () => program(["oxfmt", "--check"]) },
  { name: "imports", run: async () => findings(wrongImports(await workspaceSources())) },
  { name: "pure domain", run: async () => findings(impurities(await workspaceSources())) },
  { name: "egress", run: async () => findings(bareFetches(await workspaceSources())) },
  { name: "secrets", run: async () => findings(await leakedSecrets()) },
  { name: "licences", run: licenceCheck },
  { name: "audit", run: audit },
];

export interface CheckResult extends Outcome {
  name: string;
  seconds: number;
}

/** Runs all checks, two at a time, and prints each when it ends. */
export async function runChecks(): Promise<CheckResult[]> {
  return inParallel(2, CHECKS, async (check) => {
    const start = performance.now();
    const outcome = await check.run().catch((error: unknown): Outcome => ({ passed: false, details: String(error) }));
    const result = { name: check.name, seconds: (performance.now() - start) / 1000, ...outcome };
    report(result);
    return result;
  });
}

function report(result: CheckResult): void {
  const note = result.note ? `  ${result.note}` : "";
  console.log(`${result.passed ? "✓" : "✗"} ${result.name.padEnd(12)} ${result.seconds.toFixed(1).padStart(5)} s${note}`);
  if (!result.passed && result.details) console.log(result.details.trim().replace(/^/gm, "    "));
}

async function program(command: readonly string[]): Promise<Outcome> {
  const result = await run(command);
  return { passed: result.code === 0, details: said(result) };
}

function findings(found: Finding[]): Outcome {
  return { passed: found.length === 0, details: found.map(printFinding).join("\n") };
}

async function wranglerCheck(): Promise<Outcome> {
  const { problems, builds, fromCache } = await dryRunAll();
  return { passed: problems.length === 0, note: `${builds} dry runs, ${fromCache} unchanged`, details: problems.join("\n") };
}

async function licenceCheck(): Promise<Outcome> {
  const { problems, packages } = await foreignLicences();
  return { passed: problems.length === 0, note: `${packages} production packages`, details: problems.join("\n") };
}

const auditReport = z.object({ metadata: z.object({ vulnerabilities: z.object({ total: z.number() }) }) });
const auditError = z.object({ message: z.string() });

/** Known vulnerabilities of what is deployed. A registry without the audit endpoint is said aloud and does not fail. */
async function audit(): Promise<Outcome> {
  const result = await run(["npm", "audit", "--omit=dev", "--json"]);
  const answer = auditReport.safeParse(parseJson(result.stdout));
  if (answer.success) {
    const { total } = answer.data.metadata.vulnerabilities;
    return { passed: total === 0, note: `${total} known vulnerabilities`, details: result.stdout };
  }
  const reason = auditError.safeParse(parseJson(result.stdout)).data?.message ?? `npm ended with ${result.code}`;
  return { passed: true, note: `NOT DONE, the audit endpoint did not answer: ${reason}` };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

if (import.meta.main) {
  const results = await runChecks();
  const failed = results.filter((result) => !result.passed).map((result) => result.name);
  console.log(
    failed.length === 0
      ? `\nAll ${results.length} checks passed.`
      : `\n${failed.length} of ${results.length} checks failed: ${failed.join(", ")}.`,
  );
  process.exitCode = failed.length === 0 ? 0 : 1;
}
