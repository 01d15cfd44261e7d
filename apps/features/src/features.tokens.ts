/** The `FeatureEngine` of the current spec. */
export const FEATURE_ENGINE = Symbol("FEATURE_ENGINE");
/** Name of the Redis connection that checks for a running rebuild of the states. */
export const HOLD = "hold";
/** Name of the Redis connection that empties states and deletes profiles. */
export const ERASING = "erasing";
