const OF_CARD = "tenant = $1 AND card_token = $2";
const PAYMENTS_OF_CARD = `${OF_CARD} AND occurred_at_ms <= $3`;
const PAYMENTS = `SELECT transaction_id FROM console.payments WHERE ${PAYMENTS_OF_CARD}`;
export const CASES_OF_CARD = `${OF_CARD} AND opened_at_ms <= $3`;
const CASES = `SELECT id FROM console.cases WHERE ${CASES_OF_CARD}`;

/** Rows of a table that belong to a card, in SQL with $1 for the tenant, $2 for the card and $3 for the newest time. */
export interface PlaceOfCard {
  readonly table: string;
  readonly rows: string;
}

/**
 * All tables with data about a card. An erasure deletes these rows, and an export shows them. They are listed in
 * deletion order, because each query needs rows that later ones delete.
 */
export const PLACES_OF_CARD: readonly PlaceOfCard[] = [
  // Some updates, reports and derived labels refer to a payment that never arrived.
  { table: "payment_updates", rows: `(transaction_id IN (${PAYMENTS}) OR ${OF_CARD} AND updated_at_ms <= $3)` },
  { table: "fraud_reports", rows: `(transaction_id IN (${PAYMENTS}) OR ${OF_CARD} AND reported_at_ms <= $3)` },
  { table: "unmatched_reports", rows: `${OF_CARD} AND reported_at_ms <= $3` },
  { table: "matched_reports", rows: `${OF_CARD} AND queued_at_ms <= $3` },
  { table: "report_labels", rows: `${OF_CARD} AND queued_at_ms <= $3` },
  {
    table: "labels",
    rows: `(transaction_id IN (${PAYMENTS}) OR tenant = $1 AND counted_card_token = $2 AND labelled_at_ms <= $3)`,
  },
  { table: "decisions", rows: `transaction_id IN (${PAYMENTS})` },
  { table: "payment_values", rows: `transaction_id IN (${PAYMENTS})` },
  { table: "payments", rows: PAYMENTS_OF_CARD },
  ...["label_outbox", "case_notes", "case_events", "case_payments", "case_attachments"].map((table) => {
    return { table, rows: `case_id IN (${CASES})` };
  }),
  { table: "cases", rows: CASES_OF_CARD },
];
