export type TestKind = "unit" | "process" | "server";

/** The compiled tests of every kind, as paths from the root. */
export function sortTests(root: string): Record<TestKind, string[]>;
