import { formatDecimal, formatMinorUnits, picoDecimals, type Picos, roundHalfAwayFromZero } from "./money.ts";
import type { TokenPrice } from "./price.ts";
import { type TokenBucket, tokenBuckets, tokenCount, type TokenQuantities } from "./token-buckets.ts";

/** One line of an invoice: one bucket at one price. Amounts are decimal texts in the currency. */
export interface InvoiceLine {
  readonly bucket: TokenBucket;
  readonly quantity: bigint;
  readonly currency: string;
  /** For a million tokens, as price lists quote it. */
  readonly unitPricePerMillion: string;
  /** quantity × unit price before rounding, to the last digit. */
  readonly exactAmount: string;
  /** The same rounded once, half away from zero, in minor units of the currency. */
  readonly amountMinor: bigint;
  /** `amountMinor` as text with all decimals of the currency. */
  readonly amount: string;
}

export interface InvoiceTotal {
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly amount: string;
}

/** What these tokens cost, exactly. Additive: rating parts of a period and adding equals rating the whole. */
export function rate(quantities: TokenQuantities, price: TokenPrice): Picos {
  let picos = 0n;
  for (const bucket of tokenBuckets) picos += tokenCount(quantities, bucket) * price.picosPerToken[bucket];
  return picos;
}

/** A line for each bucket that was used, in the buckets' order. Quantities are the period's sums: rounding happens here, once a line. */
export function invoiceLines(quantities: TokenQuantities, price: TokenPrice): InvoiceLine[] {
  return tokenBuckets.flatMap((bucket) => {
    const quantity = tokenCount(quantities, bucket);
    return quantity === 0n ? [] : [invoiceLine(bucket, quantity, price)];
  });
}

/** The sum of the rounded lines, so that an invoice adds up with the figures printed on it. Throws RangeError if currencies are mixed. */
export function invoiceTotal(lines: readonly Pick<InvoiceLine, "currency" | "amountMinor">[], currency: string): InvoiceTotal {
  let amountMinor = 0n;
  for (const line of lines) {
    if (line.currency !== currency) throw new RangeError(`A line in ${line.currency} cannot be added to a total in ${currency}`);
    amountMinor += line.amountMinor;
  }
  return { currency, amountMinor, amount: formatMinorUnits(amountMinor, currency) };
}

function invoiceLine(bucket: TokenBucket, quantity: bigint, price: TokenPrice): InvoiceLine {
  const { currency } = price;
  const picos = quantity * price.picosPerToken[bucket];
  const amountMinor = roundHalfAwayFromZero(picos, currency);
  return {
    bucket,
    quantity,
    currency,
    unitPricePerMillion: formatDecimal(price.picosPerToken[bucket] * 1_000_000n, picoDecimals),
    exactAmount: formatDecimal(picos, picoDecimals),
    amountMinor,
    amount: formatMinorUnits(amountMinor, currency),
  };
}
