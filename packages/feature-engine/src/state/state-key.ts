import type { EntityPlan } from "../plan-entities.js";
import { layoutFingerprint } from "../plan-entities.js";

/**
 * Days of wall clock after which an untouched state is forgotten, unless configured otherwise: the longest window and a
 * margin for replays and late events.
 */
export const STATE_TTL_DAYS_DEFAULT = 45;

/**
 * Redis key of an entity's window state. The plan's fingerprint is part of it: services of two feature specs run side by
 * side, each on its own states, and none reads what the other wrote. The tenant is escaped because it stands before the
 * id: without that, a colon in it could make two tenants share a key.
 */
export function stateKey(plan: Pick<EntityPlan, "name" | "fingerprint">, tenant: string, id: string): string {
  return `${stateKeyPrefix(plan)}${encodeURIComponent(tenant)}:${id}`;
}

/** What the Redis keys of all states of a plan begin with, and no other key. */
export function stateKeyPrefix(plan: Pick<EntityPlan, "name" | "fingerprint">): string {
  return `state:${plan.name}:${plan.fingerprint.toString(36)}:`;
}

/** The tenant and the entity's id in a key of `stateKey`; undefined for a key of another plan, or of something else. */
export function parseStateKey(
  plan: Pick<EntityPlan, "name" | "fingerprint">,
  key: string,
): { readonly tenant: string; readonly id: string } | undefined {
  const prefix = stateKeyPrefix(plan);
  if (!key.startsWith(prefix)) return undefined;
  const end = key.indexOf(":", prefix.length);
  return { tenant: decodeURIComponent(key.slice(prefix.length, end)), id: key.slice(end + 1) };
}

/** Redis key that exists while the states of these plans hold all that took place. It is set and lost with them. */
export function completeKey(plans: readonly Pick<EntityPlan, "fingerprint">[]): string {
  return `state-complete:${layoutFingerprint(plans).toString(36)}`;
}
