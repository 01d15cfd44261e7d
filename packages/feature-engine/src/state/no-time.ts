/** Stands for a time where nothing has happened yet. */
export const NEVER_MS = -1;
