/**
 * Formats a finite double as JSON that every client reads as a double. JavaScript writes 3.0 as `3`, which Feast's SDK
 * reads as an integer.
 */
export function formatDouble(value: number): string {
  const text = String(value);
  return Number.isInteger(value) && !text.includes("e") ? `${text}.0` : text;
}
