import { PaymentUpdateKind } from "@tripline/contracts/generated/tripline/events/v1/events";
import type { Queries } from "@tripline/stores/postgres/connect-database";

/** SQL for the first day of the month, in UTC, that contains a time. */
export const monthOf = (column: string): string =>
  `date_trunc('month', to_timestamp(${column} / 1000.0) AT TIME ZONE 'UTC')::date`;

const CAPTURED = PaymentUpdateKind.CAPTURED;

/**
 * Counts captured payments by month. Call it last in the transaction, because it locks rows that other instances also
 * update.
 *
 * @param captured IDs of new captures
 * @param payments IDs of new payments, whose captures may have arrived first
 */
export async function countSettled(
  queries: Queries,
  captured: readonly string[],
  payments: readonly string[],
): Promise<void> {
  if (captured.length + payments.length === 0) return;
  await queries.execute(
    `WITH new AS MATERIALIZED (
       SELECT update_id, transaction_id FROM console.payment_updates
       WHERE update_id = ANY($1::text[]) AND transaction_id <> ALL($2::text[])
       UNION ALL
       SELECT update_id, transaction_id FROM console.payment_updates
       WHERE transaction_id = ANY($2::text[]) AND kind = ${CAPTURED}
     ), capture AS (
       SELECT p.tenant, p.merchant_id, p.card_scheme, p.is_remote, p.currency, p.card_token, u.update_id,
         u.transaction_id, u.updated_at_ms, coalesce(u.amount_minor, p.amount_minor) AS amount_minor
       FROM new JOIN console.payment_updates u USING (update_id) JOIN console.payments p ON p.transaction_id = u.transaction_id
       WHERE u.card_token = p.card_token AND u.currency IN ('', p.currency)
     ), counted AS (
       SELECT *, ${monthOf("updated_at_ms")} AS month,
         row_number() OVER (PARTITION BY transaction_id ORDER BY updated_at_ms, update_id) = 1 AND NOT EXISTS (
           SELECT FROM console.payment_updates earlier WHERE earlier.transaction_id = capture.transaction_id
             AND earlier.card_token = capture.card_token AND earlier.currency IN ('', capture.currency)
             AND earlier.kind = ${CAPTURED} AND earlier.update_id NOT IN (SELECT update_id FROM new)
         ) AS is_first
       FROM capture
     )
     INSERT INTO console.settled_months AS known
       (tenant, month, merchant_id, card_scheme, is_remote, currency, payments, amount_minor)
     SELECT tenant, month, merchant_id, card_scheme, is_remote, currency, count(*) FILTER (WHERE is_first),
       sum(amount_minor)
     FROM counted, console.settled_since s WHERE month >= to_timestamp(s.since_ms / 1000.0) AT TIME ZONE 'UTC'
     GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
     ON CONFLICT (tenant, month, merchant_id, card_scheme, is_remote, currency) DO UPDATE
       SET payments = known.payments + excluded.payments, amount_minor = known.amount_minor + excluded.amount_minor`,
    [captured, payments],
  );
}
