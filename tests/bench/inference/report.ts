import { table } from "../report.ts";
import { type Cell, CONCURRENCIES, type Figures, type Mode, MODES } from "./measure.ts";
import type { RowsPerRequest } from "./rows-written.ts";

export function figuresText(cells: readonly Cell[]): string {
  return MODES.map((mode) => `### ${heading(mode)}\n\n${modeTable(cells, mode)}`).join("\n\n");
}

function heading(mode: Mode): string {
  return mode === "streaming" ? "Streaming: 24 server-sent events" : "Non-streaming: 406 bytes of JSON";
}

function modeTable(cells: readonly Cell[], mode: Mode): string {
  const firstByte = mode === "streaming" ? ["first byte p50 / p99 ms"] : [];
  const head = ["in flight", "target", ...firstByte, "whole answer p50 / p99 ms", "requests/s", "CPU µs/request"];
  const rows = CONCURRENCIES.flatMap((concurrency) =>
    cells.filter((cell) => cell.mode === mode && cell.concurrency === concurrency).map((cell) => rowOf(cell)),
  );
  return table([head, ...rows]);
}

function rowOf({ target, mode, concurrency, figures }: Cell): string[] {
  const pair = (p50: number, p99: number) => `${ms(p50)} / ${ms(p99)}`;
  const firstByte = mode === "streaming" ? [pair(figures.firstByteP50Ms, figures.firstByteP99Ms)] : [];
  const cpu = Number.isNaN(figures.cpuMicrosPerRequest) ? "–" : whole(figures.cpuMicrosPerRequest);
  return [String(concurrency), target, ...firstByte, pair(figures.p50Ms, figures.p99Ms), whole(figures.requestsPerSecond), cpu];
}

/** Each goal of this suite beside what was measured; nothing is rounded towards a goal. */
export function goalsText(cells: readonly Cell[], rows: RowsPerRequest): string {
  const of = (target: string, mode: Mode, concurrency: number): Figures | undefined =>
    cells.find((cell) => cell.target === target && cell.mode === mode && cell.concurrency === concurrency)?.figures;
  const compare = (mode: Mode, concurrency: number, peer: string, read: (weir: Figures, peer: Figures) => number): number => {
    const [weir, other] = [of("Weir", mode, concurrency), of(peer, mode, concurrency)];
    return weir && other ? read(weir, other) : NaN;
  };
  const latency = compare("non-streaming", 1, "direct", (weir, direct) => weir.p50Ms - direct.p50Ms);
  const firstByte = compare("streaming", 1, "direct", (weir, direct) => weir.firstByteP50Ms - direct.firstByteP50Ms);
  const goals = [["goal", "measured", ""]];
  const judge = (goal: string, measured: string, met: boolean) => goals.push([goal, measured, met ? "met" : "missed"]);
  judge("added latency, one in flight, p50 ≤ 1 ms", `${ms(latency)} ms`, latency <= 1);
  judge("added to the first byte of a stream, one in flight, p50 ≤ 2 ms", `${ms(firstByte)} ms`, firstByte <= 2);
  for (const mode of MODES) {
    const cpu = compare(mode, 64, "Portkey", (weir, portkey) => weir.cpuMicrosPerRequest / portkey.cpuMicrosPerRequest);
    const rate = compare(mode, 64, "Portkey", (weir, portkey) => weir.requestsPerSecond / portkey.requestsPerSecond);
    judge(`CPU per request against Portkey, 64 in flight, ${mode}, ≤ 0.5×`, `${cpu.toFixed(2)}×`, cpu <= 0.5);
    judge(`requests per second against Portkey, 64 in flight, ${mode}, ≥ 2×`, `${rate.toFixed(2)}×`, rate >= 2);
  }
  const perRequest = total(rows) / rows.requests;
  judge(
    `D1 rows written per request, one tenant at ${whole(rows.requestsPerSecond)} requests/s, ≤ 0.2`,
    perRequest.toFixed(3),
    perRequest <= 0.2,
  );
  return table(goals);
}

export function rowsText(rows: RowsPerRequest): string {
  const lines = rows.tables.map(({ table: name, rows: written }) => [`\`${name}\``, String(written), (written / rows.requests).toFixed(4)]);
  const sum = ["all", String(total(rows)), (total(rows) / rows.requests).toFixed(4)];
  const head = ["table", `rows written for ${rows.requests} requests at ${whole(rows.requestsPerSecond)}/s`, "per request"];
  return table([head, ...lines, sum]);
}

function total({ tables }: RowsPerRequest): number {
  return tables.reduce((sum, { rows }) => sum + rows, 0);
}

function ms(value: number): string {
  return value.toFixed(value < 10 ? 2 : 0);
}

function whole(value: number): string {
  return value.toFixed(0);
}
