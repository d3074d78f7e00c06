/** Longer names are compared by their beginning: the cost of a refusal must not grow with what was sent. */
const comparedLength = 64;

/** Up to three of the names that someone may have meant, nearest first: at most a third of the letters differ, or one begins the other. */
export function nearestNames(wanted: string, names: readonly string[]): string[] {
  const target = wanted.slice(0, comparedLength).toLowerCase();
  const furthest = Math.max(2, Math.floor(target.length / 3));
  return names
    .map((name) => ({ name, distance: nearness(target, name.slice(0, comparedLength).toLowerCase()) }))
    .filter(({ distance }) => distance <= furthest)
    .toSorted((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, 3)
    .map(({ name }) => name);
}

function nearness(target: string, name: string): number {
  const isBeginning = target.length >= 3 && (name.startsWith(target) || target.startsWith(name)) && name.length >= 3;
  return isBeginning ? 1 : editDistance(target, name);
}

/** Levenshtein distance: the fewest single letters to insert, delete or replace. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = at(previous, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, at(previous, column) + 1, at(current, column - 1) + 1));
    }
    previous = current;
  }
  return at(previous, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
