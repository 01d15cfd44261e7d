import type { AuditCheckpoint, AuditKey } from "@tripline/contracts/audit/audit-checkpoint";
import { openStore } from "@tripline/object-store/open-store";

/** What is kept elsewhere: with it even a log that was written anew as a whole is found. */
export interface Anchor {
  /** Of each tenant, the newest one. */
  readonly checkpoints: readonly AuditCheckpoint[];
  readonly keys: readonly AuditKey[];
}

/**
 * Writes the anchor of a day, unless it is there already: none is ever written over, by whichever instance.
 *
 * @param day UTC, `YYYY-MM-DD`
 * @throws TriplineError `store-unavailable`, `store-refused`
 */
export async function writeAnchor(storeUrl: string, day: string, anchor: Anchor): Promise<void> {
  const store = await openStore(storeUrl);
  await store.putIfAbsent(`audit-anchor-${day}.json`, JSON.stringify(anchor, null, 2));
}
