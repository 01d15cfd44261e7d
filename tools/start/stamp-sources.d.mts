/** A hash of the names, sizes and times of all build inputs. */
export function stampOfSources(root: string): string;

/** Whether every package has been compiled. */
export function isCompiled(root: string): boolean;
