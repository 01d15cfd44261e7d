import type { EntityPlan } from "../plan-entities.js";
import { layoutFingerprint } from "../plan-entities.js";

/**
 * Default time to live of an unused state, in days of wall-clock time: the longest window, plus a margin for replays
 * and late events.
 */
export const STATE_TTL_DAYS_DEFAULT = 45;

/**
 * Redis key of an entity's window state. It includes the plan's fingerprint, so services with different feature specs
 * can run in parallel, each with its own states. The tenant is escaped because it precedes the id: otherwise, a colon
 * in the tenant could make two tenants share a key.
 */
export function stateKey(plan: Pick<EntityPlan, "name" | "fingerprint">, tenant: string, id: string): string {
  return `${stateKeyPrefix(plan)}${encodeURIComponent(tenant)}:${id}`;
}

/** Prefix that the Redis keys of all states of a plan have, and no other keys. */
export function stateKeyPrefix(plan: Pick<EntityPlan, "name" | "fingerprint">): string {
  return `state:${plan.name}:${plan.fingerprint.toString(36)}:`;
}

/** The tenant and the entity's id in a key of `stateKey`; undefined for any other key. */
export function parseStateKey(
  plan: Pick<EntityPlan, "name" | "fingerprint">,
  key: string,
): { readonly tenant: string; readonly id: string } | undefined {
  const prefix = stateKeyPrefix(plan);
  if (!key.startsWith(prefix)) return undefined;
  const end = key.indexOf(":", prefix.length);
  return { tenant: decodeURIComponent(key.slice(prefix.length, end)), id: key.slice(end + 1) };
}

/**
 * Redis key that exists as long as the states of these plans include all events. It is set together with the states and
 * lost together with them.
 */
export function completeKey(plans: readonly Pick<EntityPlan, "fingerprint">[]): string {
  return `state-complete:${layoutFingerprint(plans).toString(36)}`;
}
