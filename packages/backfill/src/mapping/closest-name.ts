import { editDistance } from "@tripline/contracts/edit-distance";

/** Names with more edits than this are not similar. */
const EDITS_MAX = 3;

/** The most similar of these names, for messages; undefined if all of them differ too much. */
export function closest(name: string, names: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  const ranked = names
    .map((one) => ({ one, edits: editDistance(wanted, one.toLowerCase()) }))
    .filter(({ edits }) => edits <= EDITS_MAX)
    .sort((left, right) => left.edits - right.edits);
  return ranked[0]?.one;
}
