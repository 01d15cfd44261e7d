import { csvCell } from "@tripline/contracts/text/csv-cell";

/** RFC 4180: a value with a comma, a quote or a line break is quoted. */
export function writeCsv(
  head: readonly string[],
  rows: Iterable<readonly (string | number | boolean | null)[]>,
): string {
  const lines = [head.join(",")];
  for (const row of rows) lines.push(row.map(cell).join(","));
  return `${lines.join("\r\n")}\r\n`;
}

function cell(value: string | number | boolean | null): string {
  return typeof value === "string" ? csvCell(value) : String(value ?? "");
}
