import { parseTokenPrice, type TokenPrice, type TokenPriceText } from "./price.ts";

/** A price for tests: 3 in and 15 out for a million, in USD, unless said otherwise. */
export function aPrice(text: Partial<TokenPriceText> = {}): TokenPrice {
  const parsed = parseTokenPrice({ currency: "USD", per: 1_000_000, input: "3", output: "15", ...text });
  if (!parsed.ok) throw new Error(parsed.message);
  return parsed.price;
}
