/** Injects a `Database` for what no page waits for. */
export const BACKGROUND = Symbol("BACKGROUND");
