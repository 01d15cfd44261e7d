import { currencyDecimals } from "@tripline/contracts/currency";

export type Cells = readonly (string | number)[];

/** Formats minor units as major units: `1,234.50 EUR`. */
export function money(currency: string, minor: number): string {
  const decimals = currencyDecimals(currency);
  const options = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return `${(minor / 10 ** decimals).toLocaleString("en", options)} ${currency}`;
}

export function number(value: number): string {
  return value.toLocaleString("en");
}

/** Text is left-aligned, and numbers are right-aligned. */
export function table(head: readonly string[], rows: readonly Cells[]): string[] {
  const shown = rows.map((row) => row.map((cell) => (typeof cell === "number" ? number(cell) : cell)));
  const widths = head.map((name, column) => Math.max(name.length, ...shown.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return [line(head), ...shown.map(line)];
}
