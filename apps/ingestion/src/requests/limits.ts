/** Limits of a request that the API's description also states. */
export const BODY_BYTES_MAX = 16 * 1024;
export const BATCH_BYTES_MAX = 8 * 1024 * 1024;
export const BATCH_LINES_MAX = 10_000;
export const IDEMPOTENCY_KEY_LENGTH_MAX = 128;
