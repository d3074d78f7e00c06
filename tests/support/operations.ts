import type { TestStack } from "./stack.ts";

export interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  anyOf?: Schema[];
  enum?: unknown[];
  "x-weir-resource"?: string;
}

export interface Parameter {
  name: string;
  in: "path" | "query" | "header" | "cookie";
  schema: Schema;
}

interface DocumentedOperation {
  summary?: string;
  description?: string;
  security?: Record<string, string[]>[];
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Record<string, { schema: Schema }> };
  responses: Record<string, { description?: string; content?: Record<string, { schema?: Schema }> }>;
}

export interface ApiDocument {
  openapi: string;
  info: { title: string; version: string };
  security?: Record<string, string[]>[];
  paths: Record<string, Record<string, DocumentedOperation>>;
  components: { schemas: Record<string, Schema>; securitySchemes: Record<string, unknown> };
}

export interface Operation extends DocumentedOperation {
  /** `POST /billing/v1/tenants/{id}/keys` */
  name: string;
  method: string;
  path: string;
  pathParameters: Parameter[];
  /** The schema of its JSON body; absent: it takes none. */
  body?: Schema;
  /** Scopes, one of which a key must have. */
  scopes: string[];
  keyless: boolean;
}

/** The merged document, as the gateway serves it to everybody. */
export async function apiDocument(stack: Pick<TestStack, "url">): Promise<ApiDocument> {
  const response = await fetch(`${stack.url}/openapi.json`);
  if (!response.ok) throw new Error(`No OpenAPI document: ${response.status} ${await response.text()}`);
  return response.json<ApiDocument>();
}

/** Every operation of a document; references of bodies are resolved. */
export function operationsOf(document: ApiDocument): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, documented]) => {
      const schema = documented.requestBody?.content["application/json"]?.schema;
      const security = documented.security ?? document.security ?? [];
      return {
        ...documented,
        name: `${method.toUpperCase()} ${path}`,
        method: method.toUpperCase(),
        path,
        pathParameters: (documented.parameters ?? []).filter((parameter) => parameter.in === "path"),
        ...(schema === undefined ? {} : { body: resolve(document, schema) }),
        scopes: security.flatMap((option) => option["apiKey"] ?? []),
        keyless: security.length === 0,
      };
    }),
  );
}

export function resolve(document: ApiDocument, schema: Schema): Schema {
  const name = schema.$ref?.replace("#/components/schemas/", "");
  if (name === undefined) return schema;
  const found = document.components.schemas[name];
  if (!found) throw new Error(`The document refers to ${schema.$ref ?? ""}, which it does not have`);
  return resolve(document, found);
}
