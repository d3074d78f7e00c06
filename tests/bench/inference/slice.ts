/** What the load generator is told to do: keep so many requests in flight for so long. */
export interface Slice {
  url: string;
  headers: Record<string, string>;
  body: string;
  concurrency: number;
  seconds: number;
}

export interface SliceResult {
  requests: number;
  failures: number;
  /** What the first failure was. */
  failure: string | undefined;
  seconds: number;
  p50Ms: number;
  p99Ms: number;
  /** From sending the request to the first byte of the body. */
  firstByteP50Ms: number;
  firstByteP99Ms: number;
}
