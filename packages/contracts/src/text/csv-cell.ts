/** Spreadsheets interpret a cell that starts like this as a formula. */
const FORMULA = /^[=+\-@\t\r]/;
const KEPT_AS_TEXT = /^'(?=[=+\-@\t\r])/;

/**
 * Formats a text as a CSV cell (RFC 4180). Texts that look like a formula get an apostrophe, so spreadsheets show them
 * as text.
 */
export function csvCell(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** The text of a cell without quotes that `csvCell` wrote. */
export function csvText(cell: string): string {
  return cell.replace(KEPT_AS_TEXT, "");
}
