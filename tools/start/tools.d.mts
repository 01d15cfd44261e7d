export interface Tool {
  readonly words: string;
  /** From the root. */
  readonly script: string;
  readonly args?: string[];
  readonly text: string;
}

/** Commands for work on this checkout, beside those of the program. */
export const TOOLS: readonly Tool[];

/** The tool that a command line names, by as many words as fit. */
export function findTool(words: readonly string[]): Tool | undefined;
