import type { MixGuard } from "../policy.js";

/** The guard of a policy that has no section `guard`, and of the fields that the section leaves out. */
export const DEFAULT_GUARD: MixGuard = { watchSeconds: 3_600, cardsMin: 30, outcomePointsMax: 0.1 };

/** A guard that allowed more would be none: somebody could first loosen it, and then activate anything. */
export const LOOSEST_GUARD: MixGuard = { watchSeconds: 600, cardsMin: 500, outcomePointsMax: 0.3 };

/**
 * The guard that an activation is watched by.
 *
 * @param asked by the policy; undefined where it has no section `guard`
 */
export function guardInEffect(asked: MixGuard | undefined): MixGuard {
  const { watchSeconds, cardsMin, outcomePointsMax } = asked ?? DEFAULT_GUARD;
  return {
    watchSeconds: Math.max(watchSeconds, LOOSEST_GUARD.watchSeconds),
    cardsMin: Math.min(cardsMin, LOOSEST_GUARD.cardsMin),
    outcomePointsMax: Math.min(outcomePointsMax, LOOSEST_GUARD.outcomePointsMax),
  };
}
