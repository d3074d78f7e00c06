import { newEvent } from "@weir/events/catalogue";
import { inferenceCompleted } from "@weir/events/inference-completed";
import { inferenceDenied } from "@weir/events/inference-denied";
import { tenantCreated } from "@weir/events/tenant-created";
import { expect, test } from "vitest";
import { explain } from "./decision-explanation.ts";

const about = { id: "req_eu_1", tenant: "t_eu_1", now: 0 };

test("a served request is explained by its deployment, region and basis", () => {
  expect(explain("req_eu_1", newEvent("inference.completed", { ...about, data: inferenceCompleted.example }))).toEqual({
    request: "req_eu_1",
    decision: "allow",
    code: null,
    model: "weir-chat",
    deployment: inferenceCompleted.example.deployment,
    region: "de",
    country: "de",
    purpose: "chat",
    basis: "contract",
    policy_version: 3,
    deployments: inferenceCompleted.example.considered,
  });
});

test("a refused request is explained by its code", () => {
  expect(explain("req_eu_1", newEvent("inference.denied", { ...about, data: inferenceDenied.example }))).toMatchObject({
    decision: "deny",
    code: "consent_withdrawn",
    deployment: null,
    basis: null,
  });
});

test("what is not a decision is not explained", () => {
  expect(explain("req_eu_1", newEvent("tenant.created", { ...about, data: tenantCreated.example }))).toBeUndefined();
});
