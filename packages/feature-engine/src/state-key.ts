import type { EntityName } from "@tripline/contracts/feature-spec";

/**
 * Days of wall clock after which an untouched state is forgotten, unless configured otherwise: the longest window and a
 * margin for replays and late events.
 */
export const STATE_TTL_DAYS_DEFAULT = 45;

/**
 * Redis key of an entity's window state. The tenant is escaped because it stands before the id: without that, a colon
 * in it could make two tenants share a key.
 */
export function stateKey(tenant: string, entity: EntityName, id: string): string {
  return `state:${entity}:${encodeURIComponent(tenant)}:${id}`;
}
