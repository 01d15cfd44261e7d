import type { IdHash, RecentIds } from "@tripline/feature-engine/state/recent-ids";

/*
 * A state remembers the hashes of the ids of its last events. Most are forgotten again, so a backfill remembers the numbers
 * of events in their place and hashes the ids that are left in the end.
 */

/** References are whole numbers below 2^53, kept as two words where a state keeps the hash of an id. */
const WORD = 2 ** 32;

/** The hash of the id of an event by its reference. */
export type IdOfReference = (reference: number) => Readonly<IdHash>;

export function rememberReference(ids: RecentIds, reference: number): void {
  ids.add(Math.floor(reference / WORD), reference % WORD);
}

/** The oldest first. */
export function referencesIn(ids: RecentIds): number[] {
  const references: number[] = [];
  ids.forEach((high, low) => {
    references.push(high * WORD + low);
  });
  return references;
}

/** Puts the hashes of ids in the place of their references. */
export function resolveReferences(ids: RecentIds, idOf: IdOfReference): void {
  const references = referencesIn(ids);
  ids.clear();
  for (const reference of references) {
    const { high, low } = idOf(reference);
    ids.add(high, low);
  }
}
