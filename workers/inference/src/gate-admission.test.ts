import { noUsage } from "@weir/domain/inference/usage";
import { expect, test, vi } from "vitest";
import type { Outcome } from "./admission.ts";
import { gateAdmission } from "./gate-admission.ts";
import type { Env } from "./env.ts";

const outcome: Outcome = { usage: noUsage, estimated: false, finish: "stop" };

/** A namespace whose object fails so many times before it hears. */
function admissionThatFails(times: number) {
  const heard: string[] = [];
  let left = times;
  const stub = {
    settle: async (request: string) => {
      if (left-- > 0) throw new Error("Durable Object reset because its code was updated.");
      heard.push(request);
    },
  };
  const env: Env = Object.assign(Object.create(null), { CELL: "eu", ENVIRONMENT: "local", GATE: { getByName: () => stub } });
  return { admission: gateAdmission(env), heard };
}

test("a request is settled though the Gate was reset while it ended", async () => {
  vi.useFakeTimers();
  const { admission, heard } = admissionThatFails(3);
  const settled = admission.settle("t_eu_1", "req_eu_1", outcome);
  await vi.runAllTimersAsync();
  await settled;
  expect(heard).toEqual(["req_eu_1"]);
  vi.useRealTimers();
});

test("a Gate that never answers fails nobody's response: the request stays listed among the holds, and the log says so", async () => {
  vi.useFakeTimers();
  const logged = vi.spyOn(console, "error").mockImplementation(() => {});
  const { admission, heard } = admissionThatFails(1_000);
  const settled = admission.settle("t_eu_1", "req_eu_1", outcome);
  await vi.runAllTimersAsync();
  await settled;
  expect(heard).toEqual([]);
  expect(logged).toHaveBeenCalledOnce();
  vi.useRealTimers();
  logged.mockRestore();
});
