import { WeirError } from "@weir/domain/errors";
import { parseTokenPrice, type TokenPriceText } from "@weir/domain/billing/price";
import { seal } from "@weir/domain/crypto/seal";
import { newId } from "@weir/domain/ids";
import { readCode } from "@weir/domain/privacy/countries";
import { newEvent } from "@weir/events/catalogue";
import { commit, type Background } from "@weir/http/commit";
import { allowedUrl } from "@weir/http/egress";
import { tellGate } from "@weir/http/gate-client";
import { nearestNames } from "@weir/domain/inference/nearest-names";
import type { Env } from "./env.ts";
import { workersAiTask } from "./providers/catalogue.ts";
import { taskOfWorkersAi } from "./providers/tasks.ts";
import type { ProviderName } from "./snapshot.ts";

/** A tenant's models in OpenAI's shape, oldest first. */
export async function listModels(db: D1Database, tenant: string) {
  const { results } = await db
    .prepare("SELECT id, created_at AS createdAt FROM model WHERE tenant = ? ORDER BY created_at, id")
    .bind(tenant)
    .all<{ id: string; createdAt: number }>();
  return results.map((row) => ({ id: row.id, object: "model" as const, created: Math.floor(row.createdAt / 1000), owned_by: tenant }));
}

/** One of a tenant's models in OpenAI's shape; a name that is none of them is answered with the nearest. */
export async function findModel(db: D1Database, tenant: string, id: string) {
  const models = await listModels(db, tenant);
  const model = models.find((known) => known.id === id);
  if (model) return model;
  const hint = didYouMean(
    id,
    models.map((known) => known.id),
  );
  throw new WeirError("model_not_found", `There is no model \`${id.slice(0, 64)}\`. ${hint}`.trim(), { param: "model" });
}

export async function createModel(env: Env, tenant: string, fields: { id: string; name: string }, now: number) {
  const made = await env.DB.prepare("INSERT INTO model (tenant, id, name, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
    .bind(tenant, fields.id, fields.name, now)
    .run();
  if (made.meta.changes === 0) throw new WeirError("already_exists", `A model \`${fields.id}\` exists already.`, { param: "id" });
  await tellGate(env, tenant, ["models"]);
  return { ...fields, created_at: new Date(now).toISOString() };
}

export interface NewDeployment {
  model: string;
  provider: ProviderName;
  base_url?: string | undefined;
  credential?: string | undefined;
  upstream_model?: string | undefined;
  max_output_tokens?: number | undefined;
  region: string;
  stores_in: string[];
  logs_in?: string[] | undefined;
  retention_days?: number | undefined;
  trains_on_content: boolean | "unknown";
  subprocessor?: string | undefined;
  transfer?: string | undefined;
  price: TokenPriceText;
  cost: TokenPriceText;
  weight: number;
}

const DEFAULT_MAX_OUTPUT: Record<ProviderName, number> = { embedded: 128, "openai-compatible": 4096, "workers-ai": 2048 };

/** Adds a place where a model is served. The upstream's credential is sealed before it rests anywhere, and never shown again. */
export async function createDeployment(env: Env, background: Background, tenant: string, fields: NewDeployment, now: number) {
  await requireModel(env.DB, tenant, fields.model);
  refuseUnusable(env, fields);
  const places = { region: code("region", fields.region), stores_in: fields.stores_in.map((place) => code("stores_in", place)) };
  const logsIn = fields.logs_in?.map((place) => code("logs_in", place));
  const id = newId("deployment", env.CELL);
  const priceVersion = newId("price", env.CELL);
  requirePrices(fields);
  await refuseOtherCurrency(env.DB, tenant, fields.price.currency);
  const upstreamModel = upstreamModelOf(fields);
  const maxOutput = fields.max_output_tokens ?? DEFAULT_MAX_OUTPUT[fields.provider];
  const credential = fields.credential === undefined ? null : await seal(env.CELL_KEY, "credential", tenant, fields.credential);
  await commit(env, background, {
    worker: "inference",
    cause: id,
    now,
    statements: [
      env.DB.prepare(
        "INSERT INTO price_version (id, tenant, deployment, model, region, price, cost, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      ).bind(priceVersion, tenant, id, fields.model, places.region, JSON.stringify(fields.price), JSON.stringify(fields.cost), now),
      env.DB.prepare(
        `INSERT INTO deployment (id, tenant, model, provider, base_url, credential_sealed, upstream_model, max_output_tokens, region, stores_in,
           logs_in, retention_days, trains_on_content, subprocessor, transfer, price_version, weight, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ).bind(
        id,
        tenant,
        fields.model,
        fields.provider,
        fields.base_url ?? null,
        credential,
        upstreamModel,
        maxOutput,
        places.region,
        JSON.stringify(places.stores_in),
        logsIn === undefined ? null : JSON.stringify(logsIn),
        fields.retention_days ?? null,
        String(fields.trains_on_content),
        fields.subprocessor ?? null,
        fields.transfer ?? null,
        priceVersion,
        fields.weight,
        now,
      ),
    ],
    events: [
      newEvent("deployment.changed", {
        id: `${id}.created`,
        tenant,
        now,
        data: {
          deployment: id,
          model: fields.model,
          change: "created",
          region: places.region,
          provider: fields.provider,
          price_version: priceVersion,
        },
      }),
    ],
  });
  await tellGate(env, tenant, ["models"]);
  const { credential: _, ...shown } = fields;
  return { ...shown, ...places, id, upstream_model: upstreamModel, max_output_tokens: maxOutput, price_version: priceVersion };
}

async function requireModel(db: D1Database, tenant: string, model: string): Promise<void> {
  const names = (await listModels(db, tenant)).map(({ id }) => id);
  if (names.includes(model)) return;
  const hint = didYouMean(model, names) || "Create it first.";
  throw new WeirError("unprocessable", `model: there is no model \`${model}\`. ${hint}`, { param: "model" });
}

/** Empty where no name is near. */
function didYouMean(wanted: string, names: string[]): string {
  const near = nearestNames(wanted, names);
  return near.length === 0 ? "" : `Did you mean ${near.map((name) => `\`${name}\``).join(", ")}?`;
}

function refuseUnusable(env: Env, fields: NewDeployment): void {
  if (fields.provider === "openai-compatible") {
    if (fields.base_url === undefined) throw new WeirError("unprocessable", "base_url: this provider needs it.", { param: "base_url" });
    const url = allowedUrl(env, fields.base_url);
    if (url.search !== "" || url.hash !== "") {
      throw new WeirError("unprocessable", "base_url: paths are put behind it, so it may have neither `?` nor `#`.", { param: "base_url" });
    }
    return;
  }
  for (const field of ["base_url", "credential"] as const) {
    if (fields[field] !== undefined)
      throw new WeirError("unprocessable", `${field}: the provider \`${fields.provider}\` takes none.`, { param: field });
  }
  const task = fields.provider === "workers-ai" ? workersAiTask(fields.upstream_model ?? fields.model) : undefined;
  if (task !== undefined && taskOfWorkersAi(task) === undefined) {
    throw new WeirError("unprocessable", `upstream_model: on Workers AI this model does ${task}, neither chat nor embeddings.`, {
      param: "upstream_model",
    });
  }
}

function requirePrices({ price, cost }: NewDeployment): void {
  for (const [name, text] of [
    ["price", price],
    ["cost", cost],
  ] as const) {
    const parsed = parseTokenPrice(text);
    if (!parsed.ok)
      throw new WeirError("unprocessable", `${name}.${parsed.param}: ${parsed.message}`, { param: `${name}.${parsed.param}` });
  }
}

function code(field: string, place: string): string {
  const known = readCode(place);
  if (known === undefined) {
    throw new WeirError(
      "unprocessable",
      `${field}: \`${place.slice(0, 32)}\` is neither a country (ISO 3166-1 alpha-2) nor \`eu\`, \`eea\` or \`*\`.`,
      { param: field },
    );
  }
  return known;
}

/** The models that ship with Weir. */
const EMBEDDED_MODELS = ["weir-chat", "weir-embed"] as const;

/** What the provider calls the model. An embedded one is `weir-chat` unless named, since a tenant's own name for it is nothing to it. */
function upstreamModelOf({ provider, model, upstream_model }: NewDeployment): string {
  if (provider !== "embedded") return upstream_model ?? model;
  const name = upstream_model ?? EMBEDDED_MODELS.find((known) => known === model) ?? EMBEDDED_MODELS[0];
  if (!EMBEDDED_MODELS.some((known) => known === name)) {
    throw new WeirError("unprocessable", `upstream_model: the embedded models are ${EMBEDDED_MODELS.join(" and ")}.`, {
      param: "upstream_model",
    });
  }
  return name;
}

/** A price in another currency than the tenant's credit could never be paid. */
async function refuseOtherCurrency(db: D1Database, tenant: string, currency: string): Promise<void> {
  const wallet = await db.prepare("SELECT currency FROM wallet WHERE tenant = ?").bind(tenant).first<{ currency: string }>();
  if (wallet && wallet.currency !== currency) {
    throw new WeirError("unprocessable", `price.currency: this tenant's credit is in ${wallet.currency}.`, { param: "price.currency" });
  }
}

interface DeploymentRow {
  id: string;
  model: string;
  provider: ProviderName;
  baseUrl: string | null;
  upstreamModel: string;
  region: string;
  storesIn: string;
  logsIn: string | null;
  weight: number;
  priceVersion: string;
  maxOutputTokens: number;
  retentionDays: number | null;
  trainsOnContent: string;
  subprocessor: string | null;
  transfer: string | null;
  hasCredential: number;
  price: string;
  cost: string;
}

/** A tenant's deployments; credentials are write-only and not among what is shown. */
export async function listDeployments(db: D1Database, tenant: string) {
  const { results } = await db
    .prepare(
      `SELECT d.id, d.model, d.provider, d.base_url AS baseUrl, d.upstream_model AS upstreamModel, d.region, d.stores_in AS storesIn,
         d.logs_in AS logsIn, d.weight, d.price_version AS priceVersion, d.max_output_tokens AS maxOutputTokens, d.retention_days AS retentionDays,
         d.trains_on_content AS trainsOnContent, d.subprocessor, d.transfer, d.credential_sealed IS NOT NULL AS hasCredential, p.price, p.cost
       FROM deployment d JOIN price_version p ON p.id = d.price_version WHERE d.tenant = ? ORDER BY d.created_at, d.id`,
    )
    .bind(tenant)
    .all<DeploymentRow>();
  return {
    items: results.map((row) => ({
      id: row.id,
      model: row.model,
      provider: row.provider,
      base_url: row.baseUrl,
      upstream_model: row.upstreamModel,
      region: row.region,
      stores_in: JSON.parse(row.storesIn),
      logs_in: row.logsIn === null ? null : JSON.parse(row.logsIn),
      retention_days: row.retentionDays,
      trains_on_content: row.trainsOnContent === "unknown" ? ("unknown" as const) : row.trainsOnContent === "true",
      subprocessor: row.subprocessor,
      transfer: row.transfer,
      max_output_tokens: row.maxOutputTokens,
      has_credential: row.hasCredential === 1,
      price: JSON.parse(row.price),
      cost: JSON.parse(row.cost),
      weight: row.weight,
      price_version: row.priceVersion,
    })),
    next_cursor: null,
  };
}

/** Takes a deployment out of service; answers when no request that arrives later reaches it. Its price stays, for usage to be rated. */
export async function deleteDeployment(env: Env, background: Background, tenant: string, id: string, now: number) {
  const row = await env.DB.prepare(
    "SELECT model, region, provider, price_version AS priceVersion FROM deployment WHERE id = ? AND tenant = ?",
  )
    .bind(id, tenant)
    .first<{ model: string; region: string; provider: ProviderName; priceVersion: string }>();
  if (!row) throw new WeirError("not_found", "Nothing with this id is found.");
  await commit(env, background, {
    worker: "inference",
    cause: `${id}.deleted`,
    now,
    statements: [env.DB.prepare("DELETE FROM deployment WHERE id = ? AND tenant = ?").bind(id, tenant)],
    events: [
      newEvent("deployment.changed", {
        id: `${id}.deleted`,
        tenant,
        now,
        data: {
          deployment: id,
          model: row.model,
          change: "deleted",
          region: row.region,
          provider: row.provider,
          price_version: row.priceVersion,
        },
      }),
    ],
  });
  return tellGate(env, tenant, ["models"]);
}
