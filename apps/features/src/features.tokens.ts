/** The `FeatureEngine` of the current spec. */
export const FEATURE_ENGINE = Symbol("FEATURE_ENGINE");
/** Name of the Redis connection on which a rebuild of the states is seen. */
export const HOLD = "hold";
/** Name of the Redis connection that empties states and takes profiles out. */
export const ERASING = "erasing";
