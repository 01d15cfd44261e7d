import { TriplineError } from "@tripline/contracts/error-table";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import type { Reconciliation, ReconciliationLine } from "../contract/fraud-reports.js";
import { kindOf } from "./report-rows.js";

const DAY_MS = 86_400_000;
const DAYS_MAX = 366;

const day = z.iso.date("must be a day, such as 2026-11-30").transform((text) => Date.parse(text));

/** Reports from a file, or reported in a period that includes both days. */
export const reconciliationQuery = z
  .strictObject({ file: z.string().min(1).max(64).optional(), from: day.optional(), to: day.optional() })
  .refine(({ file, from, to }) => (from === undefined) === (to === undefined) && (file ?? from) !== undefined, {
    path: ["from"],
    message: "is required together with to, unless file is given",
  })
  .refine(({ from = 0, to = 0 }) => from <= to && to - from < DAYS_MAX * DAY_MS, {
    path: ["to"],
    message: `must not be before from, and must be at most ${DAYS_MAX} days after it`,
  });
export type ReconciliationQuery = z.infer<typeof reconciliationQuery>;

const lineRow = z.object({
  file: z.string(),
  kind: z.number(),
  currency: z.string(),
  reports: z.coerce.number(),
  matched: z.coerce.number(),
  unmatched: z.coerce.number(),
  duplicates: z.coerce.number(),
  amount_differs: z.coerce.number(),
  amount_minor: z.coerce.number(),
});

const COLUMNS = `tenant, client_report_id, version, file, kind, currency, amount_minor, reported_at_ms, withdrawn`;
/** Maximum number of lines. Each combination of file, kind and currency is a line. */
const LINES_MAX = 5_000;

/** SQL for the time of a report's first version, and the ID that breaks ties. */
const firstOf = (report: string): string =>
  `(SELECT min(v.reported_at_ms) ${versionsOf("fraud_reports", report)}), ${report}.client_report_id`;
const versionsOf = (table: string, report: string): string =>
  `FROM console.${table} v WHERE v.tenant = ${report}.tenant AND v.client_report_id = ${report}.client_report_id`;
const isNewest = (report: string): string =>
  ["fraud_reports", "unmatched_reports"]
    .map((table) => `NOT EXISTS (SELECT ${versionsOf(table, report)} AND v.version > ${report}.version)`)
    .join(" AND ");

/**
 * Compares reports with the payments, by file, kind and currency. Only the highest version of a report is counted,
 * unless it withdraws the report. A report is a duplicate if its payment has another report of the same kind
 * with an earlier first version.
 *
 * @throws TriplineError `invalid-field` if there are too many lines
 */
export async function reconcileReports(
  queries: Pick<Queries, "query">,
  tenant: string,
  { file, from, to = 0 }: ReconciliationQuery,
): Promise<Reconciliation> {
  // Contains only the conditions in use, so that the database can use their index.
  const ofPeriod = from === undefined ? [] : ["reported_at_ms >= $2 AND reported_at_ms < $3"];
  const ofFile = file === undefined ? [] : [`file = $${from === undefined ? 2 : 4} AND file <> ''`];
  const isWanted = ["tenant = $1", ...ofPeriod, ...ofFile].join(" AND ");
  const rows = await queries.query(
    lineRow,
    `WITH wanted AS (
       SELECT client_report_id FROM console.fraud_reports WHERE ${isWanted}
       UNION SELECT client_report_id FROM console.unmatched_reports WHERE ${isWanted}
     ), versions AS (
       SELECT ${COLUMNS}, transaction_id FROM console.fraud_reports JOIN wanted USING (client_report_id) WHERE tenant = $1
       UNION ALL
       SELECT ${COLUMNS}, NULL FROM console.unmatched_reports JOIN wanted USING (client_report_id) WHERE tenant = $1
     ), newest AS (
       SELECT DISTINCT ON (client_report_id) * FROM versions ORDER BY client_report_id, version DESC
     ), known AS (
       SELECT * FROM newest WHERE NOT withdrawn AND ${isWanted}
     )
     SELECT k.file, k.kind, k.currency, count(*) AS reports, count(p.transaction_id) AS matched,
       count(*) - count(p.transaction_id) AS unmatched, count(*) FILTER (WHERE EXISTS (
         SELECT FROM console.fraud_reports other WHERE other.transaction_id = k.transaction_id AND other.kind = k.kind
           AND other.client_report_id <> k.client_report_id AND NOT other.withdrawn AND ${isNewest("other")}
           AND (${firstOf("other")}) < (${firstOf("k")})
       )) AS duplicates,
       count(*) FILTER (WHERE k.amount_minor <> p.amount_minor OR k.amount_minor IS NOT NULL AND k.currency <> p.currency)
         AS amount_differs,
       coalesce(sum(k.amount_minor), 0) AS amount_minor
     FROM known k LEFT JOIN console.payments p ON p.transaction_id = k.transaction_id
     GROUP BY k.file, k.kind, k.currency ORDER BY k.file, k.kind, k.currency LIMIT ${LINES_MAX + 1}`,
    [tenant, ...(from === undefined ? [] : [from, to + DAY_MS]), ...(file === undefined ? [] : [file])],
  );
  // Without the remaining lines, totals would be wrong.
  if (rows.length > LINES_MAX) {
    const detail = `The reconciliation has more than ${LINES_MAX} lines. Choose a shorter period or one file.`;
    throw new TriplineError("invalid-field", detail);
  }
  return { lines: rows.map(toLine) };
}

function toLine({ kind, amount_differs, amount_minor, ...rest }: z.infer<typeof lineRow>): ReconciliationLine {
  return { ...rest, kind: kindOf(kind) ?? "unknown", amountDiffers: amount_differs, amountMinor: amount_minor };
}

export const RECONCILIATION_HEAD = [
  "file",
  "kind",
  "currency",
  "reports",
  "matched",
  "unmatched",
  "duplicates",
  "amount_differs",
  "amount_minor",
] as const;

export function reconciliationCells(line: ReconciliationLine): (string | number)[] {
  const { file, kind, currency, reports, matched, unmatched, duplicates, amountDiffers, amountMinor } = line;
  return [file, kind, currency, reports, matched, unmatched, duplicates, amountDiffers, amountMinor];
}
