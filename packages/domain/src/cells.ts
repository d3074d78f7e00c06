/** A cell is one whole stack in one jurisdiction. A tenant lives in exactly one; every public id names it. */
export const CELLS = ["eu", "us"] as const;
export type Cell = (typeof CELLS)[number];

export function isCell(value: string | undefined): value is Cell {
  return CELLS.some((cell) => cell === value);
}
