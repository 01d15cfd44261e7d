/** Names with more edits than this are not similar. */
const EDITS_MAX = 3;

/** The most similar of these names, for messages; undefined if all of them differ too much. */
export function closest(name: string, names: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  const ranked = names
    .map((one) => ({ one, edits: editsBetween(wanted, one.toLowerCase()) }))
    .filter(({ edits }) => edits <= EDITS_MAX)
    .sort((left, right) => left.edits - right.edits);
  return ranked[0]?.one;
}

/** Levenshtein distance. */
function editsBetween(left: string, right: string): number {
  let before = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const replaced = (before[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (before[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    before = current;
  }
  return before[right.length] ?? 0;
}
