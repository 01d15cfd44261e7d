export interface Tool {
  readonly words: string;
  /** Relative to the root. */
  readonly script: string;
  readonly args?: string[];
  readonly text: string;
}

/** Commands for work on this checkout, in addition to the program's commands. */
export const TOOLS: readonly Tool[];

/** Benchmarks that are commands of the program, because they train models or simulate payments. */
export const PROGRAM_BENCHES: readonly string[];

/** The tool of a command line, by the longest match. */
export function findTool(words: readonly string[]): Tool | undefined;
