/** Entities of one request, and rows of one push. */
export const ROWS_MAX = 1_000;
/** Features of one request. */
export const FEATURES_MAX = 256;
/** Columns that a profile view can have. */
export const PROFILE_COLUMNS_MAX = 64;
export const BODY_BYTES_MAX = 1024 * 1024;
/** Feature names, and ids of entities that are pushed. */
export const NAME_LENGTH_MAX = 64;
export const ID_LENGTH_MAX = 256;
/** Requests that may wait for Redis at a time. */
export const UNDER_WAY_MAX = 1_000;
/** Distinct lists of features that are kept compiled. */
export const LOOKUPS_MAX = 256;
