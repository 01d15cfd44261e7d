/** Spreadsheets interpret a cell that starts with one of these characters as a formula. */
const FORMULA = /^[=+\-@\t\r]/;
const KEPT_AS_TEXT = /^'(?=[=+\-@\t\r])/;

/**
 * Formats a text as a CSV cell (RFC 4180). Texts that look like a formula get a leading apostrophe, so that
 * spreadsheets show them as text.
 */
export function csvCell(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** The text of an unquoted cell that `csvCell` wrote. */
export function csvText(cell: string): string {
  return cell.replace(KEPT_AS_TEXT, "");
}
