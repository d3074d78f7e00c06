import { z } from "zod";

/** Which deployments the decision looked at, and why each could or could not serve. */
export const consideredDeployments = z
  .array(z.strictObject({ id: z.string(), eligible: z.boolean(), reasons: z.array(z.string()) }))
  .max(64);
