/** Injects a `Database` for background work. */
export const BACKGROUND = Symbol("BACKGROUND");

/**
 * Injects a `Database` for requests that are too slow for the other pools. They must not hold the connections of
 * background work, because any user could then stop the projection for all tenants.
 */
export const SLOW_REQUESTS = Symbol("SLOW_REQUESTS");

/** Slow requests that run at the same time; others wait for at most 20 s. */
export const SLOW_REQUESTS_MAX = 2;
