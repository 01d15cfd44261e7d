import { REPORT_KIND_NUMBERS } from "@tripline/contracts/fraud-reports/report-policy";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { kindOf } from "../fraud-reports/report-rows.js";
import { monthOf } from "./count-settled.js";
import type { DisputeFigures, ReportedFigures, SettledFigures } from "./dispute-figures.js";
import { monthBefore } from "./dispute-lines.js";

/** Maximum number of merchants: those with the most reports or, if equal, the most settled payments. */
export const MERCHANTS_MAX = 200;
/** The kinds that a ratio counts. */
const KINDS = [REPORT_KIND_NUMBERS.chargeback, REPORT_KIND_NUMBERS.tc40, REPORT_KIND_NUMBERS.safe].join(", ");

const reportedRow = z.object({
  merchant_id: z.string().nullable(),
  card_scheme: z.string(),
  is_remote: z.boolean(),
  currency: z.string(),
  kind: z.number(),
  reason_code: z.string(),
  reports: z.coerce.number(),
  amount_minor: z.coerce.number(),
  oldest_read_ms: z.coerce.number(),
});
const settledRow = z.object({
  merchant_id: z.string().nullable(),
  month: z.string(),
  card_scheme: z.string(),
  is_remote: z.boolean(),
  currency: z.string(),
  payments: z.coerce.number(),
  amount_minor: z.coerce.number(),
});
const merchantRow = z.object({ merchant_id: z.string() });
const sinceRow = z.object({ since_ms: z.coerce.number(), upgraded_ms: z.coerce.number() });

/**
 * A report counts in the month in which its first version was reported, with the content of its newest version, unless
 * that version withdraws it, contradicts its payment, or is in `console.unmatched_reports`. Of several reports of the
 * same kind about a payment, only the first one counts, even if it was reported in an earlier month.
 */
const REPORTED = `of_month AS (
    SELECT DISTINCT client_report_id FROM console.fraud_reports
    WHERE tenant = $1 AND reported_at_ms >= $2 AND reported_at_ms < $3 AND kind IN (${KINDS})
  ), concerned AS (
    SELECT DISTINCT transaction_id FROM console.fraud_reports JOIN of_month USING (client_report_id) WHERE tenant = $1
  ), wanted AS (
    SELECT DISTINCT client_report_id FROM console.fraud_reports JOIN concerned USING (transaction_id) WHERE tenant = $1
  ), versions AS (
    SELECT client_report_id, version, reported_at_ms, withdrawn, kind, reason_code, amount_minor, currency,
      transaction_id, card_token
    FROM console.fraud_reports JOIN wanted USING (client_report_id) WHERE tenant = $1
    UNION ALL
    SELECT client_report_id, version, reported_at_ms, withdrawn, kind, reason_code, amount_minor, currency, NULL, ''
    FROM console.unmatched_reports JOIN wanted USING (client_report_id) WHERE tenant = $1
  ), newest AS (
    SELECT DISTINCT ON (client_report_id) *, min(reported_at_ms) OVER (PARTITION BY client_report_id) AS first_ms
    FROM versions ORDER BY client_report_id, version DESC
  ), firsts AS (
    SELECT DISTINCT ON (n.transaction_id, n.kind) p.merchant_id, p.card_scheme, p.is_remote, p.currency, n.kind,
      n.reason_code, CASE WHEN n.currency = p.currency THEN coalesce(n.amount_minor, p.amount_minor)
        ELSE p.amount_minor END AS amount_minor, n.first_ms, p.read_at_ms
    FROM newest n JOIN console.payments p USING (transaction_id)
    WHERE NOT n.withdrawn AND n.kind IN (${KINDS}) AND p.tenant = $1 AND p.card_token = n.card_token
    ORDER BY n.transaction_id, n.kind, n.first_ms, n.client_report_id
  ), counted AS MATERIALIZED (
    SELECT * FROM firsts WHERE first_ms >= $2 AND first_ms < $3
  )`;

const SUMS =
  "card_scheme, is_remote, currency, kind, reason_code, count(*) AS reports, sum(amount_minor) AS amount_minor, min(read_at_ms) AS oldest_read_ms";
const SETTLED_SUMS = "card_scheme, is_remote, currency, sum(payments) AS payments, sum(amount_minor) AS amount_minor";

/**
 * Reads the figures behind a month's ratios. All reports of a month are read in one query, as for a reconciliation.
 *
 * @param merchant the only merchant to show, in addition to the total for all merchants
 */
export async function readFigures(
  queries: Pick<Queries, "query">,
  tenant: string,
  month: string,
  merchant: string | undefined,
): Promise<DisputeFigures> {
  const startMs = Date.parse(`${month}-01T00:00:00Z`);
  const end = new Date(startMs);
  end.setUTCMonth(end.getUTCMonth() + 1);
  const reports = [tenant, startMs, end.getTime()];
  const chosen = await queries.query(
    merchantRow,
    `WITH ${REPORTED} SELECT merchant_id FROM (
       SELECT merchant_id, count(*) AS reports, 0 AS payments FROM counted GROUP BY 1
       UNION ALL
       SELECT merchant_id, 0, sum(payments) FROM console.settled_months WHERE tenant = $1 AND month = ${monthOf("$2::bigint")}
       GROUP BY 1
     ) m WHERE $4::text IS NULL OR merchant_id = $4
     GROUP BY 1 ORDER BY sum(reports) DESC, sum(payments) DESC, merchant_id LIMIT ${MERCHANTS_MAX + 1}`,
    [...reports, merchant ?? null],
  );
  const merchants = chosen.map(({ merchant_id }) => merchant_id);
  const reported = await queries.query(
    reportedRow,
    `WITH ${REPORTED} SELECT NULL AS merchant_id, ${SUMS} FROM counted GROUP BY 2, 3, 4, 5, 6
     UNION ALL
     SELECT merchant_id, ${SUMS} FROM counted WHERE merchant_id = ANY($4::text[]) GROUP BY 1, 2, 3, 4, 5, 6`,
    [...reports, merchants],
  );
  const months = [monthBefore(month), month];
  const settled = await queries.query(
    settledRow,
    `WITH own AS (
       SELECT *, to_char(month, 'YYYY-MM') AS name FROM console.settled_months
       WHERE tenant = $1 AND month = ANY($2::date[])
     )
     SELECT NULL AS merchant_id, name AS month, ${SETTLED_SUMS} FROM own GROUP BY 2, 3, 4, 5
     UNION ALL
     SELECT merchant_id, name, ${SETTLED_SUMS} FROM own WHERE merchant_id = ANY($3::text[]) GROUP BY 1, 2, 3, 4, 5`,
    [tenant, months.map((one) => `${one}-01`), merchants],
  );
  const [since] = await queries.query(sinceRow, "SELECT since_ms, upgraded_ms FROM console.settled_since", []);
  const sinceMs = since?.since_ms ?? Number.POSITIVE_INFINITY;
  // The merchant and card scheme of such a payment are unknown, so its reports may be missing from any line.
  const isBlurred = reported.some((row) => row.oldest_read_ms < (since?.upgraded_ms ?? 0));
  return {
    merchants,
    settled: settled.map(toSettled),
    reported: reported.flatMap((row) => toReported(row) ?? []),
    complete: new Set(
      months.filter((one) => Date.parse(`${one}-01T00:00:00Z`) >= sinceMs && !(isBlurred && one === month)),
    ),
  };
}

function toSettled(row: z.infer<typeof settledRow>): SettledFigures {
  const { merchant_id: merchantId, month, card_scheme: scheme, is_remote: isRemote, currency, payments } = row;
  return { merchantId, month, scheme, isRemote, currency, payments, amountMinor: row.amount_minor };
}

function toReported(row: z.infer<typeof reportedRow>): ReportedFigures | undefined {
  const kind = kindOf(row.kind);
  if (kind === undefined) return undefined;
  const { merchant_id: merchantId, card_scheme: scheme, is_remote: isRemote, currency, reports } = row;
  return {
    merchantId,
    scheme,
    isRemote,
    currency,
    kind,
    reasonCode: row.reason_code,
    reports,
    amountMinor: row.amount_minor,
  };
}
