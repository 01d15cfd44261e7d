import type { IdHash, RecentIds } from "@tripline/feature-engine/state/recent-ids";

/*
 * A state stores hashes of the ids of its latest events. Most are replaced later, so a backfill stores event numbers
 * instead and hashes only the ids that remain at the end.
 */

/** A reference is an integer below 2^53, stored as two words instead of an id hash. */
const WORD = 2 ** 32;

/** Maps a reference to the hash of the event's id. */
export type IdOfReference = (reference: number) => Readonly<IdHash>;

export function rememberReference(ids: RecentIds, reference: number): void {
  ids.add(Math.floor(reference / WORD), reference % WORD);
}

/** Oldest first. */
export function referencesIn(ids: RecentIds): number[] {
  const references: number[] = [];
  ids.forEach((high, low) => {
    references.push(high * WORD + low);
  });
  return references;
}

/** Replaces references with the hashes of ids. */
export function resolveReferences(ids: RecentIds, idOf: IdOfReference): void {
  const references = referencesIn(ids);
  ids.clear();
  for (const reference of references) {
    const { high, low } = idOf(reference);
    ids.add(high, low);
  }
}
