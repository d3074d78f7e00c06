/** What a Gate asks of billing's wallet, and what it is told. Amounts are integers of 10^-9 as text; `id` names a movement: told twice, it is made once. */
export interface ReserveRequest {
  readonly tenant: string;
  readonly id: string;
  readonly currency: string;
  /** The least that is of use, and what is wished for. */
  readonly needNanos: string;
  readonly wantNanos: string;
  readonly now: number;
}

export interface ReleaseRequest {
  readonly tenant: string;
  readonly id: string;
  readonly amountNanos: string;
  readonly now: number;
}

export type ReserveResult =
  | { readonly reserved: true; readonly amountNanos: string }
  | { readonly reserved: false; readonly availableNanos: string; readonly currency: string | null };
