import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";
import { possibleSql } from "./choose-payment.js";

const DAY_MS = 86_400_000;
/** Files often contain only a date, which may be in another time zone or the clearing date. */
const DAYS_AROUND = 2;
/** Days after the start of the report's day in UTC. The day ends in every time zone within 36 hours of that start. */
const REPORT_DAYS = 2;
/** Maximum number of candidates per report. The best ones are kept, so the limit does not affect the choice. */
const CANDIDATES_MAX = 20;
/** Maximum number of rows that the matcher reads for a report's card or reference. If there are more, users decide. */
const READ_MAX = 200;
/** The same maximum for users. It is higher, because a user views the candidates of only one report at a time. */
export const READ_FOR_USER_MAX = 20_000;

const candidateRow = z.object({
  report_id: z.string(),
  transaction_id: z.string(),
  client_transaction_id: z.string(),
  card_token: z.string(),
  terminal_id: z.string(),
  occurred_at_ms: z.coerce.number(),
  amount_minor: z.coerce.number(),
  currency: z.string(),
  authorisation_code: z.string(),
  acquirer_reference: z.string(),
  /** False if some payments of the card around the report's day, or with its reference, were not read. */
  is_complete: z.boolean(),
});
export type CandidateRow = z.infer<typeof candidateRow>;

const PAYMENT_COLUMNS = Object.keys(candidateRow.omit({ report_id: true, is_complete: true }).shape).join(", ");

/** Waiting versions of a report that are newer than its version `r`. */
export const LATER = `console.unmatched_reports later WHERE later.tenant = r.tenant
  AND later.client_report_id = r.client_report_id AND later.version > r.version`;

const RANK = `(r.acquirer_reference <> '' AND p.acquirer_reference = r.acquirer_reference) DESC,
  (r.authorisation_code <> '' AND p.authorisation_code = r.authorisation_code) DESC,
  ((p.amount_minor, p.currency) IS NOT DISTINCT FROM (r.amount_minor, r.currency)) DESC, p.occurred_at_ms DESC`;

/**
 * Payments with a report's acquirer reference, or with its card near its date, but not after the day of the report in
 * any time zone. Excludes payments that contradict the report or a newer version of it that is still waiting. The best
 * candidates come first.
 *
 * @param readMax bounds the payments that are read for each report
 */
export function candidatesOf(
  queries: Queries,
  reportIds: readonly string[],
  readMax = READ_MAX,
): Promise<CandidateRow[]> {
  return queries.query(
    candidateRow,
    `SELECT r.report_id, p.* FROM console.unmatched_reports r, LATERAL (
       SELECT * FROM (
         (${readPayments(
           `r.acquirer_reference <> '' AND p.acquirer_reference <> '' AND p.acquirer_reference = r.acquirer_reference
            AND p.occurred_at_ms < ${dayOf("r.reported_at_ms")} + ${REPORT_DAYS * DAY_MS}`,
         )})
         UNION ALL
         (${readPayments(
           `r.card_token <> '' AND p.card_token = r.card_token
            AND (r.acquirer_reference = '' OR p.acquirer_reference <> r.acquirer_reference)
            AND p.occurred_at_ms >= ${dayOf("r.occurred_at_ms")} - ${DAYS_AROUND * DAY_MS}
            AND p.occurred_at_ms < least(${dayOf("r.occurred_at_ms")} + ${(DAYS_AROUND + 1) * DAY_MS},
              ${dayOf("r.reported_at_ms")} + ${REPORT_DAYS * DAY_MS})
            ORDER BY p.occurred_at_ms DESC`,
         )})
       ) p
       WHERE ${possibleSql("r", "p")} AND NOT EXISTS (SELECT FROM ${LATER} AND NOT (${possibleSql("later", "p")}))
       ORDER BY ${RANK} LIMIT ${CANDIDATES_MAX}
     ) p WHERE r.report_id = ANY($1::text[]) ORDER BY r.report_id, ${RANK}`,
    [reportIds, readMax],
  );
}

/** The limit applies before payments are compared, because it bounds the rows that are read. */
function readPayments(which: string): string {
  return `SELECT p.*, count(*) OVER () <= $2::int AS is_complete FROM (
    SELECT ${PAYMENT_COLUMNS} FROM console.payments p WHERE p.tenant = r.tenant AND ${which} LIMIT $2::int + 1
  ) p`;
}

/** SQL for the start of the day that contains a time. */
const dayOf = (column: string): string => `${column} / ${DAY_MS} * ${DAY_MS}`;
