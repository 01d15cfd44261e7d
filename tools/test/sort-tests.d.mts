export type TestKind = "unit" | "process" | "server";

/** The compiled tests of every kind, as paths from the root. */
export function sortTests(root: string): Record<TestKind, string[]>;

/** Of those tests the ones that start a whole system or a browser. */
export function wholeSystemTests(root: string): string[];
