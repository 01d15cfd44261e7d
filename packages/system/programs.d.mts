/** Names of the apps that are programs and compiled. */
export function programNames(root: string): string[];

/** What the compiler made of a program. */
export function compiledProgram(root: string, name: string): string;

/** Holds the bundles, `<name>.mjs`, and what they share. */
export function bundleFolder(root: string): string;

/** Names what the bundles were made from, relative to the root. Written last. */
export function inputsFile(root: string): string;

/** The file to run: the bundle where it is fresh, otherwise what the compiler made. */
export function programFile(root: string, name: string): string;

/** Whether bundles are there and nothing that they were made from is newer. */
export function areBundlesFresh(root: string): boolean;
