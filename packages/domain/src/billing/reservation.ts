/** Billing's answer to a Gate that asks for credit; amounts are integers of 10^-9 as text. */
export type ReserveResult =
  | { readonly reserved: true; readonly amountNanos: string }
  | { readonly reserved: false; readonly availableNanos: string; readonly currency: string | null };
