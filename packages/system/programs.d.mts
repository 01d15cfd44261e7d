/** Names of the apps that are compiled programs. */
export function programNames(root: string): string[];

/** The compiler's output for a program. */
export function compiledProgram(root: string, name: string): string;

/** The folder of the bundles, `<name>.mjs`, and their shared files. */
export function bundleFolder(root: string): string;

/** Lists the inputs of the bundles, relative to the root. Written last. */
export function inputsFile(root: string): string;

/** The file to run: the bundle if it is up to date, otherwise the compiler's output. */
export function programFile(root: string, name: string): string;

/** Whether the bundles exist and are newer than all of their inputs. */
export function areBundlesFresh(root: string): boolean;
