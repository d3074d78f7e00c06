import type { ErrorCode } from "@weir/domain/errors";
import type { DeploymentEligibility } from "@weir/domain/inference/admission";
import type { Usage } from "@weir/domain/inference/usage";
import type { Task } from "./providers/tasks.ts";
import type { DeploymentRoute } from "./snapshot.ts";

/** What the isolate knows of a request before anything is decided. */
export interface AdmissionQuestion {
  request: string;
  tenant: string;
  key: { id: string; hash: string };
  /** What the model shall do. */
  task: Task;
  model: string;
  purpose: string | undefined;
  /** Keyed index of the tenant's reference to the person; the reference itself goes nowhere. */
  subjectIndex: string | undefined;
  country: string | undefined;
  /** The most that the prompt can count as, tokens. */
  inputTokens: number;
  /** The caller's limit for the answer, tokens; undefined: the deployment's. */
  maxTokens: number | undefined;
}

export interface Admitted {
  admitted: true;
  deployment: DeploymentRoute;
  /** What remains in the answer's budget after the deployment's own limit. */
  maxTokens: number;
  purpose: string;
  basis: string;
  policyVersion: number;
}

export interface Refused {
  admitted: false;
  code: ErrorCode;
  message: string;
  param?: string;
  retryAfterSeconds?: number;
  considered: readonly DeploymentEligibility[];
}

export interface Outcome {
  usage: Usage;
  estimated: boolean;
  finish: "stop" | "length" | "tool_calls" | "content_filter" | "cancelled" | "error";
}

/**
 * Who decides whether a request may be served. One implementation asks the tenant's Gate for each request; one that decides
 * under a lease in the isolate has the same two calls.
 */
export interface Admission {
  admit(question: AdmissionQuestion): Promise<Admitted | Refused>;
  /** Ends an admitted request, whatever became of it: what it used is charged, the rest of what was held is free again. */
  settle(tenant: string, request: string, outcome: Outcome): Promise<void>;
}
