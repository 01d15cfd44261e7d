/** Represents the time of something that has not happened yet. */
export const NEVER_MS = -1;
