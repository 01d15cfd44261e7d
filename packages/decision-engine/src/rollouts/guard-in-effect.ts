import type { MixGuard } from "../policy.js";

/** The guard for a policy without a `guard` section, and the defaults for its fields. */
export const DEFAULT_GUARD: MixGuard = { watchSeconds: 3_600, cardsMin: 30, outcomePointsMax: 0.1 };

/** A guard looser than this would be useless: an author could first loosen it and then activate anything. */
export const LOOSEST_GUARD: MixGuard = { watchSeconds: 600, cardsMin: 500, outcomePointsMax: 0.3 };

/**
 * The guard that monitors an activation.
 *
 * @param asked the guard that the policy specifies; undefined if it has no `guard` section
 */
export function guardInEffect(asked: MixGuard | undefined): MixGuard {
  const { watchSeconds, cardsMin, outcomePointsMax } = asked ?? DEFAULT_GUARD;
  return {
    watchSeconds: Math.max(watchSeconds, LOOSEST_GUARD.watchSeconds),
    cardsMin: Math.min(cardsMin, LOOSEST_GUARD.cardsMin),
    outcomePointsMax: Math.min(outcomePointsMax, LOOSEST_GUARD.outcomePointsMax),
  };
}
