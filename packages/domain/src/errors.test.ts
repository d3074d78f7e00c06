import { describe, expect, test } from "vitest";
import { ERRORS, WeirError, type ErrorCode } from "./errors.ts";

describe.each(Object.keys(ERRORS).filter((code): code is ErrorCode => Object.hasOwn(ERRORS, code)))("%s", (code) => {
  test("has a stable name, a status of failure, a title and one of OpenAI's types", () => {
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(ERRORS[code].status).toBeGreaterThanOrEqual(400);
    expect(ERRORS[code].status).toBeLessThan(600);
    expect(ERRORS[code].title).toMatch(/^[A-Z].*[^.]$/);
    expect(ERRORS[code].type).toMatch(
      /^(invalid_request|authentication|permission|conflict|rate_limit|overloaded|api)_error$|^insufficient_quota$/,
    );
  });

  test("keeps its message and details when thrown", () => {
    const cause = new Error("why");
    const error = new WeirError(code, "What happened", { param: "a.b", cause });
    expect(error).toMatchObject({ code, message: "What happened", status: ERRORS[code].status, cause, details: { param: "a.b" } });
    expect(error).toBeInstanceOf(Error);
  });
});

test("spent credit is 402, so that clients do not retry it, and a rate limit is 429", () => {
  expect(ERRORS.insufficient_quota.status).toBe(402);
  expect(ERRORS.rate_limited.status).toBe(429);
});
