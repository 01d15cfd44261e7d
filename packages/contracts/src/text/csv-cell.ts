/** A spreadsheet takes a cell that begins so for a formula. */
const FORMULA = /^[=+\-@\t\r]/;
const KEPT_AS_TEXT = /^'(?=[=+\-@\t\r])/;

/** A text as a cell of CSV (RFC 4180), which a spreadsheet keeps as text: what looks like a formula gets an apostrophe. */
export function csvCell(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** The text of a cell that `csvCell` wrote, without quotes. */
export function csvText(cell: string): string {
  return cell.replace(KEPT_AS_TEXT, "");
}
