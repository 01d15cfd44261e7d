/** Maximum entities per request and rows per push. */
export const ROWS_MAX = 1_000;
/** Maximum features per request. */
export const FEATURES_MAX = 256;
/** Maximum columns of a profile view. */
export const PROFILE_COLUMNS_MAX = 64;
export const BODY_BYTES_MAX = 1024 * 1024;
/** Maximum length of feature names, and of pushed entity IDs. */
export const NAME_LENGTH_MAX = 64;
export const ID_LENGTH_MAX = 256;
/** Maximum requests that wait for Redis. */
export const UNDER_WAY_MAX = 1_000;
/** Maximum cached lookups. */
export const LOOKUPS_MAX = 256;
