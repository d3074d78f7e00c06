import type { OpenAPIHono } from "@hono/zod-openapi";
import { newApp, newRoutes } from "./app.ts";
import { WeirError } from "@weir/domain/errors";
import type { HttpEnv } from "./auth.ts";
import type { CellEnv } from "./cell-env.ts";
import { apiKeyScheme } from "./openapi.ts";
import { problemResponse } from "./problem.ts";

/** One app of a worker's route files, with the worker's part of the OpenAPI document, which the gateway merges. */
export function composeApp<Env extends CellEnv>(
  parts: OpenAPIHono<HttpEnv<Env>>[],
  /** `/v1`, with middleware and errors of its own: it goes past those of the control plane. */
  special: { openAi?: OpenAPIHono<HttpEnv<Env>> } = {},
): OpenAPIHono<HttpEnv<Env>> {
  const app = newRoutes<Env>();
  if (special.openAi) app.route("/", special.openAi);
  const control = newApp<Env>({ errors: "problem" });
  for (const part of parts) control.route("/", part);
  control.get("/health", async (c) => {
    await c.env.DB.prepare("SELECT 1").first();
    return c.json({ status: "ok" });
  });
  app.openAPIRegistry.registerComponent("securitySchemes", "apiKey", apiKeyScheme);
  app.get("/openapi.json", (c) =>
    c.json(app.getOpenAPI31Document({ openapi: "3.1.0", info: { title: "Weir", version: "1", license: { name: "Apache-2.0" } } })),
  );
  app.route("/", control);
  app.notFound((c) =>
    problemResponse(new WeirError("not_found", "No such path and method. `/openapi.json` lists all."), c.get("requestId")),
  );
  return app;
}
