/** Injects a `Database` for background work. */
export const BACKGROUND = Symbol("BACKGROUND");
