/** Maximum number of entities per request and of rows per push. */
export const ROWS_MAX = 1_000;
/** Maximum number of features per request. */
export const FEATURES_MAX = 256;
/** Maximum number of columns of a profile view. */
export const PROFILE_COLUMNS_MAX = 64;
export const BODY_BYTES_MAX = 1024 * 1024;
/** Maximum length of feature names, and of pushed entity IDs. */
export const NAME_LENGTH_MAX = 64;
export const ID_LENGTH_MAX = 256;
/** Maximum number of requests that wait for Redis. */
export const UNDER_WAY_MAX = 1_000;
/** Maximum number of cached lookups. */
export const LOOKUPS_MAX = 256;
