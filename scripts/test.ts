/**
 * `npm test`: all checks, then all tests; the last line is the count of both, each check as one.
 * `npm test -- packages/domain` runs only the tests whose path contains that, without the checks.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { runChecks } from "./check.ts";
import { ROOT } from "./run.ts";

export interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

const report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()).nullish() })),
    }),
  ),
});
type Report = z.infer<typeof report>;

/** Runs vitest and counts from its own report rather than from what it prints. */
async function runTests(filters: readonly string[]): Promise<Count> {
  const folder = await mkdtemp(join(tmpdir(), "weir-test-"));
  const file = join(folder, "report.json");
  try {
    const code = await vitest(["run", "--reporter=default", "--reporter=json", `--outputFile.json=${file}`, ...filters]);
    const results = report.safeParse(JSON.parse(await readFile(file, "utf8").catch(() => "null")));
    if (!results.success) {
      console.log("vitest left no report: it broke off before the end.");
      return { passed: 0, failed: 1, skipped: 0 };
    }
    return countTests(results.data, code);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function vitest(args: readonly string[]): Promise<number> {
  return new Promise((done) => {
    const child = spawn("vitest", args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
    child.on("error", () => done(127));
    child.on("close", (code) => done(code ?? 1));
  });
}

export function countTests(results: Report, exitCode: number): Count {
  const count: Count = { passed: 0, failed: 0, skipped: 0 };
  for (const file of results.testResults) {
    for (const test of file.assertionResults) {
      if (test.status === "passed") count.passed += 1;
      else if (test.status === "failed") count.failed += 1;
      else count.skipped += 1;
    }
    // A file that cannot even be loaded has no tests to count, and must not vanish.
    if (file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed")) count.failed += 1;
  }
  // An error outside of any test, such as a rejection nobody handled.
  if (exitCode !== 0 && count.failed === 0) count.failed = 1;
  for (const name of skippedTests(results)) console.log(`skipped: ${name}`);
  return count;
}

/** Names of tests that did not run. A test gives its reason in its name or in the condition beside it. */
function skippedTests(results: Report): string[] {
  return results.testResults.flatMap((file) =>
    file.assertionResults
      .filter((test) => test.status !== "passed" && test.status !== "failed")
      .map((test) => `${file.name.replace(`${ROOT}/`, "")} ${test.fullName} (${test.failureMessages?.[0] ?? test.status})`),
  );
}

export function countLine(count: Count): string {
  return `${count.passed} passed, ${count.failed} failed${count.skipped > 0 ? `, ${count.skipped} skipped` : ""}`;
}

if (import.meta.main) {
  const filters = process.argv.slice(2);
  const checks = filters.length > 0 ? [] : await runChecks();
  const tests = await runTests(filters);
  const failedChecks = checks.filter((check) => !check.passed);
  const total: Count = {
    passed: tests.passed + checks.length - failedChecks.length,
    failed: tests.failed + failedChecks.length,
    skipped: tests.skipped,
  };
  if (failedChecks.length > 0) console.log(`failed checks: ${failedChecks.map((check) => check.name).join(", ")}`);
  console.log(countLine(total));
  process.exitCode = total.failed > 0 ? 1 : 0;
}
