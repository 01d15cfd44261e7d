-- The profile of a terminal: one row for each day (UTC) with payments or labels, as of the end of that day. Omits payments
-- without a terminal. DuckDB runs this query in packages/backfill and in training/feature_repo.
--
-- From profile_payments, as in card.sql, and profile_labels: terminal_id, labelled_at_ms, fraud (0 or 1).
--
-- terminal_payments_total, terminal_labels_total   number of payments, and of labels that had arrived
-- terminal_amount_mean_total                       mean amount in major units; null before the first payment
-- terminal_fraud_rate_total                        share of fraud among the labels; null without labels
WITH events AS (
  SELECT terminal_id, occurred_at_ms // 86400000 AS day, 1 AS payment, thousandths AS amount, 0 AS label, 0 AS fraud
  FROM profile_payments WHERE terminal_id <> ''
  UNION ALL
  SELECT terminal_id, labelled_at_ms // 86400000, 0, 0, 1, fraud FROM profile_labels WHERE terminal_id <> ''
), days AS (
  SELECT terminal_id, day, sum(payment) AS payments, sum(amount) AS amount, sum(label) AS labels, sum(fraud) AS frauds
  FROM events GROUP BY terminal_id, day
), totals AS (
  SELECT terminal_id, day, sum(payments) OVER so_far AS payments, sum(amount) OVER so_far AS amount,
    sum(labels) OVER so_far AS labels, sum(frauds) OVER so_far AS frauds
  FROM days WINDOW so_far AS (PARTITION BY terminal_id ORDER BY day)
)
SELECT terminal_id, day, payments::BIGINT AS terminal_payments_total,
  (amount / 1000 / nullif(payments, 0))::DOUBLE AS terminal_amount_mean_total, labels::BIGINT AS terminal_labels_total,
  (frauds / nullif(labels, 0))::DOUBLE AS terminal_fraud_rate_total
FROM totals
