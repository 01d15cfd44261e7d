import { open } from "node:fs/promises";
import type { DuckDBConnection } from "@duckdb/node-api";
import { holdsCardNumber, maskDigits } from "@tripline/contracts/find-card-number";
import { CARD_TOKEN_PATTERN, cardToken, isCardNumber } from "@tripline/contracts/identifiers";
import { sqlName } from "../input/work-database.js";
import type { Mapping } from "./mapping.js";
import type { TokenKey } from "./tokenise-values.js";
import { cardDigits } from "./tokenise-values.js";

/** The digits of a card number, with or without separators. */
const DIGITS = /\d(?:[ -]?\d){11,18}/g;

/**
 * Writes a line of JSON for each rejected row: `line`, `reason`, and `row` with its texts by column, or `text` if the
 * line could not be read. Card numbers are replaced with tokens; digits of texts that only look like card numbers are
 * replaced with `*`.
 */
export async function writeRejects(
  connection: DuckDBConnection,
  mapping: Mapping,
  columns: readonly string[],
  key: TokenKey,
  path: string,
): Promise<void> {
  const cardColumn = mapping.fields.card.holds === "number" ? mapping.fields.card.column : undefined;
  const file = await open(path, "w", 0o600);
  try {
    if (!(await hasRejects(connection))) return;
    const query = `SELECT ${OWN.line}::DOUBLE, ${OWN.reason}, ${OWN.text}, ${texts(columns)}
      FROM (${await linesOf(connection, mapping, columns)}) ORDER BY ${OWN.line}`;
    const result = await connection.stream(query);
    for (let chunk = await result.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
      const lines = chunk.getRows().map(([line, reason, text, ...values]) => {
        const row = Object.fromEntries(
          columns.map((name, index) => [name, hide(values[index], name === cardColumn, key)]),
        );
        const content = text === null ? { row } : { text: hide(text, false, key) };
        return `${JSON.stringify({ line: Number(line), reason, ...content })}\n`;
      });
      await file.writeFile(lines.join(""));
    }
  } finally {
    await file.close();
  }
}

async function hasRejects(connection: DuckDBConnection): Promise<boolean> {
  const found = await connection.runAndReadAll(
    "(SELECT 1 FROM mapped WHERE reason IS NOT NULL LIMIT 1) UNION ALL (SELECT 1 FROM broken LIMIT 1)",
  );
  return found.currentRowCount > 0;
}

/** Column names that do not occur in files. */
const OWN = {
  line: sqlName("line of the reject"),
  reason: sqlName("reason of the reject"),
  text: sqlName("text of the reject"),
};

const texts = (columns: readonly string[]): string => columns.map(sqlName).join(", ");

/**
 * SQL for the rejected rows with their line numbers in the file, which start at 1. In CSV files, the header, broken and
 * blank lines, and line breaks within quotes also count as lines.
 */
async function linesOf(connection: DuckDBConnection, mapping: Mapping, columns: readonly string[]): Promise<string> {
  const rejected = "(SELECT raw_row, reason FROM mapped WHERE reason IS NOT NULL)";
  const none = columns.map((name) => `NULL AS ${sqlName(name)}`).join(", ");
  const broken = `SELECT line AS ${OWN.line}, reason AS ${OWN.reason}, text AS ${OWN.text}, ${none} FROM broken`;
  const own = columns.map((name) => `raw.${sqlName(name)}`).join(", ");
  const rows = (line: string) =>
    `SELECT ${line} AS ${OWN.line}, r.reason AS ${OWN.reason}, NULL AS ${OWN.text}, ${own}
     FROM ${rejected} r JOIN raw ON raw.rowid = r.raw_row`;
  if (mapping.format !== "csv") return `${rows("r.raw_row + 1")} UNION ALL ${broken}`;
  await connection.run(csvLines(columns));
  return `${rows("csv_lines.line")} JOIN csv_lines ON csv_lines.raw_row = r.raw_row UNION ALL ${broken}`;
}

/** The line on which each row starts. */
function csvLines(columns: readonly string[]): string {
  const all = `concat(${texts(columns)})`;
  const breaks = `length(${all}) - length(replace(${all}, chr(10), ''))`;
  return `CREATE TEMP TABLE csv_lines AS
    WITH starts AS (
      SELECT rowid AS raw_row, 2 + rowid + coalesce(sum(${breaks}) OVER (ORDER BY rowid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS start
      FROM raw
    ), faulty AS (
      SELECT line - (lines - own) AS before, lines AS faults
      FROM (SELECT line, own, sum(own) OVER (ORDER BY line) AS lines FROM (
        SELECT line, own FROM gaps
        UNION ALL SELECT line, 1 + length(text) - length(replace(text, chr(10), '')) FROM broken))
    )
    SELECT raw_row, (start + coalesce(faults, 0))::BIGINT AS line
    FROM starts ASOF LEFT JOIN faulty ON starts.start >= faulty.before`;
}

/** Masks everything that could be a card number. */
function hide(value: unknown, isCard: boolean, { key, tenant }: TokenKey): string | null {
  if (value === null || value === undefined) return null;
  const text = String(value).replaceAll(DIGITS, (found) => {
    const number = cardDigits(found);
    return isCardNumber(number) ? cardToken(key, tenant, number) : found;
  });
  // A card number with a typo differs from a real one by only one digit.
  return isCard || holdsCardNumber(text) ? maskUnlessToken(text) : text;
}

const maskUnlessToken = (text: string): string => (CARD_TOKEN_PATTERN.test(text) ? text : maskDigits(text));
