import type { IdHash, RecentIds } from "@tripline/feature-engine/state/recent-ids";
import type { RecentPayments } from "@tripline/feature-engine/state/recent-payments";

/*
 * A state stores hashes of the ids of its latest events. Most are replaced later, so a backfill stores event numbers
 * instead and hashes only the ids that remain at the end.
 */

/** A reference is an integer below 2^53, stored as two words instead of an id hash. */
const WORD = 2 ** 32;

/** The hash of an event's id and, for a payment that its card remembers, the ids of the payment's entities. */
export interface NamedReference extends Readonly<IdHash> {
  readonly ids: readonly string[];
}

/** Resolves a reference to the hash and ids of its event. */
export type IdOfReference = (reference: number) => NamedReference;

export function rememberReference(ids: RecentIds, reference: number): void {
  const { high, low } = wordsOf(reference);
  ids.add(high, low);
}

/** Stores a reference in the two words of an id hash. */
export function wordsOf(reference: number): IdHash {
  return { high: Math.floor(reference / WORD), low: reference % WORD };
}

function referenceOf({ high, low }: Readonly<IdHash>): number {
  return high * WORD + low;
}

/** The references to the payments that a card remembers. */
export function referencesToPayments({ entries }: RecentPayments): number[] {
  return entries.map(referenceOf);
}

/** Replaces references with id hashes, and adds the ids of each payment's entities. */
export function resolvePayments(payments: RecentPayments, idOf: IdOfReference): void {
  payments.rename((words) => idOf(referenceOf(words)));
}

/** Oldest first. */
export function referencesIn(ids: RecentIds): number[] {
  const references: number[] = [];
  ids.forEach((high, low) => {
    references.push(referenceOf({ high, low }));
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
