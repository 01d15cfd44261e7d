import { editDistance } from "@tripline/contracts/edit-distance";

/** Allows one mistake per three characters, rounded up, and at most three. */
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

/** Makes `terminalId`, `Terminal-ID` and `terminal_id` equal. */
function plain(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9]/g, "").toLowerCase();
}
