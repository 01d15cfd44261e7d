/** Most payments that decisions puts into one call to scoring. Scoring takes at least as many rows in a request. */
export const ROWS_PER_CALL_MAX = 200;
