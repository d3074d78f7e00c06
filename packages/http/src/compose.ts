import type { OpenAPIHono } from "@hono/zod-openapi";
import { newApp } from "./app.ts";
import type { HttpEnv } from "./auth.ts";
import type { CellEnv } from "./cell-env.ts";
import { apiKeyScheme } from "./openapi.ts";

/** One app of a worker's route files, with the worker's part of the OpenAPI document, which the gateway merges. */
export function composeApp<Env extends CellEnv>(parts: OpenAPIHono<HttpEnv<Env>>[]): OpenAPIHono<HttpEnv<Env>> {
  const app = newApp<Env>({ errors: "problem" });
  for (const part of parts) app.route("/", part);
  app.openAPIRegistry.registerComponent("securitySchemes", "apiKey", apiKeyScheme);
  app.get("/openapi.json", (c) =>
    c.json(app.getOpenAPI31Document({ openapi: "3.1.0", info: { title: "Weir", version: "1", license: { name: "Apache-2.0" } } })),
  );
  app.get("/health", async (c) => {
    await c.env.DB.prepare("SELECT 1").first();
    return c.json({ status: "ok" });
  });
  return app;
}
