/**
 * The load generator: a process of its own that takes slices from its parent, one after the other, and ends with it. It calls only
 * this machine, each slice is bounded in time and count, and every answer is checked to be complete.
 */
import { Agent, request as httpRequest } from "node:http";
import { percentile } from "../statistics.ts";
import type { Slice, SliceResult } from "./slice.ts";

const MAX_SECONDS = 60;
const MAX_REQUESTS = 500_000;
const REQUEST_TIMEOUT_MS = 10_000;

interface Timing {
  totalMs: number;
  firstByteMs: number;
}

async function run(slice: Slice): Promise<SliceResult> {
  if (new URL(slice.url).hostname !== "127.0.0.1") throw new Error(`Load is made on this machine only, not at ${slice.url}`);
  const agent = new Agent({ keepAlive: true, maxSockets: slice.concurrency, maxFreeSockets: slice.concurrency });
  const timings: Timing[] = [];
  const failures: string[] = [];
  const start = performance.now();
  const end = start + Math.min(slice.seconds, MAX_SECONDS) * 1000;
  const client = async (): Promise<void> => {
    for (let count = 0; performance.now() < end && timings.length < MAX_REQUESTS; count++) {
      const timing = await ask(slice, agent).catch((error: unknown) => failures.push(String(error)));
      // The first request of each connection also opens it.
      if (typeof timing === "object" && count > 0) timings.push(timing);
    }
  };
  await Promise.all(Array.from({ length: slice.concurrency }, client));
  const seconds = (performance.now() - start) / 1000;
  agent.destroy();
  const total = timings.map((timing) => timing.totalMs).sort((a, b) => a - b);
  const firstByte = timings.map((timing) => timing.firstByteMs).sort((a, b) => a - b);
  return {
    requests: timings.length,
    failures: failures.length,
    failure: failures[0],
    seconds,
    p50Ms: percentile(total, 0.5),
    p99Ms: percentile(total, 0.99),
    firstByteP50Ms: percentile(firstByte, 0.5),
    firstByteP99Ms: percentile(firstByte, 0.99),
  };
}

function ask(slice: Slice, agent: Agent): Promise<Timing> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    let firstByteMs: number | undefined;
    const request = httpRequest(slice.url, { method: "POST", agent, headers: slice.headers, timeout: REQUEST_TIMEOUT_MS }, (response) => {
      let last = "";
      response.setEncoding("latin1");
      response.on("data", (text: string) => {
        firstByteMs ??= performance.now() - start;
        last = text;
      });
      response.on("error", reject);
      response.on("end", () => {
        const whole = last.endsWith("data: [DONE]\n\n") || last.endsWith("}");
        if (response.statusCode !== 200 || !whole) reject(new Error(`status ${response.statusCode}, ending ${last.slice(-200)}`));
        else resolve({ totalMs: performance.now() - start, firstByteMs: firstByteMs ?? 0 });
      });
    });
    request.on("timeout", () => request.destroy(new Error(`no answer within ${REQUEST_TIMEOUT_MS} ms`)));
    request.on("error", reject);
    request.end(slice.body);
  });
}

process.on("disconnect", () => process.exit());
process.on("message", (slice: Slice) => void run(slice).then((result) => process.send?.(result)));
process.send?.("ready");
