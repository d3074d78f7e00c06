import { expect, test, vi } from "vitest";
import { countLine, countTests } from "./test.ts";

const file = (status: string, ...tests: string[]) => ({
  name: "a.test.ts",
  status,
  assertionResults: tests.map((each) => ({ fullName: each, status: each })),
});

test("counts what passed, failed and was skipped, and names the skipped", () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const count = countTests({ testResults: [file("passed", "passed", "passed"), file("failed", "failed", "skipped")] }, 1);
  expect(countLine(count)).toBe("2 passed, 1 failed, 1 skipped");
  expect(log).toHaveBeenCalledExactlyOnceWith("skipped: a.test.ts skipped (skipped)");
  log.mockRestore();
});

test("a file that cannot be loaded counts as one failure", () => {
  expect(countLine(countTests({ testResults: [file("failed")] }, 1))).toBe("0 passed, 1 failed");
});

test("an error outside of any test counts as one failure", () => {
  expect(countLine(countTests({ testResults: [file("passed", "passed")] }, 1))).toBe("1 passed, 1 failed");
});
