import { parseTokenPrice, type TokenPrice } from "@weir/domain/billing/price";

export interface PriceVersion {
  id: string;
  deployment: string;
  model: string;
  region: string;
  price: TokenPrice;
  cost: TokenPrice;
}

/** Price versions by id. They are never changed, so what is read once stays true. */
export async function loadPrices(db: D1Database, ids: readonly string[]): Promise<Map<string, PriceVersion>> {
  const { results } = await db
    .prepare("SELECT id, deployment, model, region, price, cost FROM price_version WHERE id IN (SELECT value FROM json_each(?))")
    .bind(JSON.stringify([...new Set(ids)]))
    .all<{ id: string; deployment: string; model: string; region: string; price: string; cost: string }>();
  return new Map(results.map((row) => [row.id, { ...row, price: parsed(row.price), cost: parsed(row.cost) }]));
}

function parsed(text: string): TokenPrice {
  const result = parseTokenPrice(JSON.parse(text));
  if (!result.ok) throw new Error(`A stored price cannot be read: ${result.message}`);
  return result.price;
}
