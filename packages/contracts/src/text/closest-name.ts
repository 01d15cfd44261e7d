/** Allows one mistake per three characters, rounded up, and three mistakes at most. */
const MISTAKES_MAX = 3;
const CHARACTERS_PER_MISTAKE = 3;
const CHARACTERS_MIN = 3;

/** The known name that is most similar to a mistyped one; undefined if none is similar. */
export function closestName(given: string, known: readonly string[]): string | undefined {
  if (given.length < CHARACTERS_MIN) return undefined;
  let best: string | undefined;
  let fewest = Math.min(MISTAKES_MAX, Math.ceil(given.length / CHARACTERS_PER_MISTAKE)) + 1;
  const wanted = plain(given);
  for (const name of known) {
    if (Math.abs(name.length - given.length) > MISTAKES_MAX) continue;
    const mistakes = editDistance(wanted, plain(name));
    if (mistakes < fewest) [best, fewest] = [name, mistakes];
  }
  return best;
}

/** Normalises names, so that `terminalId`, `Terminal-ID` and `terminal_id` are equal. */
function plain(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9]/g, "").toLowerCase();
}

/** The Levenshtein distance: the number of inserted, deleted or replaced characters. */
function editDistance(left: string, right: string): number {
  let above = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const here = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const replaced = (above[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      here.push(Math.min(replaced, (above[column] ?? 0) + 1, (here[column - 1] ?? 0) + 1));
    }
    above = here;
  }
  return above[right.length] ?? 0;
}
