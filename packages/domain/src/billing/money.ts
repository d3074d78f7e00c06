/** 10⁻¹² of the currency unit. Prices and rated usage. */
export type Picos = bigint;
/** 10⁻⁹ of the currency unit. Ledger amounts: SQL sums of picos would overflow int64 at 9.2 million units. */
export type Nanos = bigint;

export const picoDecimals = 12;
export const nanoDecimals = 9;

const picosPerNano = 1000n;
/** Longer than any amount of money; keeps a hostile text from costing a big-integer parse. */
const maxDecimalLength = 64;
const shownLength = 24;

/**
 * Reads a decimal text as an integer of 10^-scale. Strict: `-?\d+(\.\d+)?`, so no plus sign, exponent, grouping or blank.
 * Throws RangeError that says what is wrong. It never rounds: more decimals than `scale` are refused, trailing zeros too.
 */
export function parseDecimal(text: string, scale: number): bigint {
  if (text.length > maxDecimalLength) {
    throw new RangeError(`"${text.slice(0, shownLength)}…" has ${text.length} characters, a decimal has at most ${maxDecimalLength}`);
  }
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  if (match === null) throw new RangeError(`"${text}" is not a decimal such as "12.50"`);
  const [, sign = "", whole = "", fraction = ""] = match;
  if (fraction.length > scale) {
    throw new RangeError(`"${text}" has ${fraction.length} decimals, at most ${scale} are exact here`);
  }
  const magnitude = BigInt(whole + fraction.padEnd(scale, "0"));
  return sign === "-" ? -magnitude : magnitude;
}

/** Writes an integer of 10^-scale as the shortest exact decimal: no trailing zeros, at least "0", never "-0". */
export function formatDecimal(value: bigint, scale: number): string {
  const fixed = formatFixed(value, scale);
  return fixed.includes(".") ? fixed.replace(/\.?0+$/, "") : fixed;
}

/** Decimals of the currency's minor unit (ISO 4217, table A.1), where it is not 2. */
const minorUnitDecimals: ReadonlyMap<string, number> = new Map([
  ...["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"].map(
    (code) => [code, 0] as const,
  ),
  ...["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"].map((code) => [code, 3] as const),
  ...["CLF", "UYW"].map((code) => [code, 4] as const),
]);

/** How many decimals an invoice in this currency shows. Codes are upper case; one that is not in the table has 2. */
export function currencyDecimals(currency: string): number {
  return minorUnitDecimals.get(currency) ?? 2;
}

export function isCurrencyCode(text: string): boolean {
  return /^[A-Z]{3}$/.test(text);
}

/** Rounds picos to whole minor units of the currency (cents, yen, fils), halves away from zero. */
export function roundHalfAwayFromZero(picos: Picos, currency: string): bigint {
  const divisor = 10n ** BigInt(picoDecimals - currencyDecimals(currency));
  const magnitude = picos < 0n ? -picos : picos;
  const rounded = (magnitude * 2n + divisor) / (divisor * 2n);
  return picos < 0n ? -rounded : rounded;
}

/** Minor units as an invoice prints them, all decimals of the currency: 1030n USD is "10.30", 602n JPY is "602". */
export function formatMinorUnits(minorUnits: bigint, currency: string): string {
  return formatFixed(minorUnits, currencyDecimals(currency));
}

/**
 * Takes the whole nanos out of picos plus what an account carried over. `1000 × nanos + remainder` equals the input exactly and
 * 0 ≤ remainder < 1000, for corrections (negative picos) too, so nothing is lost or invented however usage is split.
 */
export function splitPicos(picos: Picos, remainderPicos: Picos): { nanos: Nanos; remainder: Picos } {
  if (remainderPicos < 0n || remainderPicos >= picosPerNano) {
    throw new RangeError(`A carried remainder is 0 to 999 picos, not ${remainderPicos}`);
  }
  const total = picos + remainderPicos;
  // BigInt division truncates towards zero; the remainder must not be negative.
  const remainder = ((total % picosPerNano) + picosPerNano) % picosPerNano;
  return { nanos: (total - remainder) / picosPerNano, remainder };
}

function formatFixed(value: bigint, scale: number): string {
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale);
  return `${negative ? "-" : ""}${whole}${scale > 0 ? `.${fraction}` : ""}`;
}
