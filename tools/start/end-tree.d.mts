/**
 * Asks the program and its descendants to end, and kills the remaining ones after 5 s. This includes children with
 * their own process group.
 */
export function endTree(pid: number): Promise<void>;
