/** What the words after `npm test --` select. */
export function selectTests(
  words: string[],
  root: string,
  folder?: string,
): { jest: string[] | undefined; python: { environment: string; args: string[] }[] };

/** The compiled form of a source file or folder. */
export function compiled(source: string): string;
