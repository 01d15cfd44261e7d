/**
 * Asks the program and what it started to end; after 5 s those that are left are killed. Children that lead a process group of
 * their own are among them.
 */
export function endTree(pid: number): Promise<void>;
