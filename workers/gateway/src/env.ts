/** A binding per cell and worker: the gateway's only way to a cell, and it has no other state. */
export interface Env {
  ENVIRONMENT: "local" | "production";
  /** Host names that belong to a cell: `eu.example.com=eu,us.example.com=us`. */
  CELL_HOSTS?: string;
  ASSETS: Fetcher;
  EU_INFERENCE: Fetcher;
  EU_METERING: Fetcher;
  EU_BILLING: Fetcher;
  EU_PRIVACY: Fetcher;
  EU_COMPLIANCE: Fetcher;
  US_INFERENCE: Fetcher;
  US_METERING: Fetcher;
  US_BILLING: Fetcher;
  US_PRIVACY: Fetcher;
  US_COMPLIANCE: Fetcher;
}
