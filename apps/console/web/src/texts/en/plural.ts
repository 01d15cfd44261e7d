/** Formats a count with its noun in the singular or plural. */
export const plural = (count: number, one: string, other: string): string =>
  count === 1 ? `1 ${one}` : `${count} ${other}`;
