import { ERRORS, WeirError, type ErrorCode } from "@weir/domain/errors";
import { describe, expect, test } from "vitest";
import { openAiErrorResponse, problemResponse, toWeirError } from "./problem.ts";

const CODES = Object.keys(ERRORS).filter((code): code is ErrorCode => Object.hasOwn(ERRORS, code));
const REQUEST = "req_eu_00000000000000000000000000";
const details = { param: "price.input", extra: { hint: "more" } };

describe.each(CODES)("%s", (code) => {
  const { status, title, type } = ERRORS[code];

  test("is a problem document (RFC 9457)", async () => {
    const response = problemResponse(new WeirError(code, "What happened", details), REQUEST);
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toEqual({
      type: `urn:weir:error:${code}`,
      title,
      status,
      detail: "What happened",
      code,
      param: "price.input",
      hint: "more",
      instance: `urn:weir:request:${REQUEST}`,
    });
  });

  test("is an error as OpenAI's clients read it, with all four members", async () => {
    const response = openAiErrorResponse(new WeirError(code, "What happened"), REQUEST);
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(await response.json()).toEqual({ error: { message: "What happened", type, param: null, code } });
  });

  test("carries the request's id, is not cached, and says when to come again", () => {
    for (const respond of [problemResponse, openAiErrorResponse]) {
      const { headers } = respond(new WeirError(code, "What happened", { retryAfterSeconds: 3 }), REQUEST);
      expect(headers.get("x-request-id")).toBe(REQUEST);
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("retry-after")).toBe("3");
      expect(headers.get("www-authenticate")).toBe(code === "invalid_api_key" ? "Bearer" : null);
    }
  });
});

test("the facts of an error cannot replace its status, code or request", async () => {
  const extra = { status: 200, code: "fine", type: "x", title: "x", detail: "x", instance: "x", param: "x" };
  const error = new WeirError("not_found", "What happened", { param: "id", extra });
  const problem = await problemResponse(error, REQUEST).json();
  expect(problem).toMatchObject({ status: 404, code: "not_found", type: "urn:weir:error:not_found", title: ERRORS.not_found.title });
  expect(problem).toMatchObject({ detail: "What happened", param: "id", instance: `urn:weir:request:${REQUEST}` });
  expect(await openAiErrorResponse(error, REQUEST).json()).toMatchObject({ error: { code: "not_found", param: "id" } });
});

test.each([new Error("SELECT secret FROM api_key"), "a text", undefined, { code: "not_found" }])(
  "a bug tells the caller nothing of itself: %j",
  async (bug) => {
    const error = toWeirError(bug);
    expect(error.code).toBe("internal");
    expect(error.cause).toBe(bug);
    expect(await problemResponse(error, REQUEST).text()).not.toMatch(/SELECT|a text|stack/);
  },
);

test("an expected failure stays what it is", () => {
  const error = new WeirError("conflict", "Meanwhile");
  expect(toWeirError(error)).toBe(error);
});
