/** Maximum number of payments per call from decisions to scoring. Scoring accepts at least as many rows per request. */
export const ROWS_PER_CALL_MAX = 200;
