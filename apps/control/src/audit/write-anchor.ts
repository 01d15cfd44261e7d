import type { AuditCheckpoint, AuditKey } from "@tripline/contracts/audit/audit-checkpoint";
import { openStore } from "@tripline/object-store/open-store";

/** A copy of signatures outside the database, which reveals even a completely rewritten log. */
export interface Anchor {
  /** The newest checkpoint of each tenant. */
  readonly checkpoints: readonly AuditCheckpoint[];
  readonly keys: readonly AuditKey[];
}

/**
 * Writes an anchor if it does not exist. Anchors are never overwritten.
 *
 * @param name the hour in UTC, `YYYY-MM-DDTHH`; or `key-` and the ID of a key that has not signed anything yet
 * @throws TriplineError `store-unavailable`, `store-refused`
 */
export async function writeAnchor(storeUrl: string, name: string, anchor: Anchor): Promise<void> {
  const store = await openStore(storeUrl);
  await store.putIfAbsent(`audit-anchor-${name}.json`, JSON.stringify(anchor, null, 2));
}
