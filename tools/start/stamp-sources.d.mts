/** A hash of the names, sizes and times of all that a build reads. */
export function stampOfSources(root: string): string;

/** Whether the compiler has been everywhere. */
export function isCompiled(root: string): boolean;
