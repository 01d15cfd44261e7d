-- The views that the questions read, over the lake's tables `lake_transactions`, `lake_decisions` and `lake_labels`. A
-- record can be in the lake twice, so each view keeps one row. Set the session's time zone to UTC.

-- One row per decided payment. `fraud` is 1 or 0, or NULL without a label. `stopped` is 1 unless the payment was approved.
CREATE VIEW payments AS
WITH transactions AS (
  SELECT * FROM lake_transactions
  QUALIFY ROW_NUMBER() OVER (PARTITION BY transaction_id ORDER BY kafka_partition, kafka_offset) = 1
), decisions AS (
  SELECT * FROM lake_decisions
  QUALIFY ROW_NUMBER() OVER (PARTITION BY transaction_id ORDER BY decided_at_ms, kafka_partition, kafka_offset) = 1
), verdicts AS (
  -- A later label replaces an earlier one.
  SELECT * FROM lake_labels
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY tenant, client_transaction_id ORDER BY labelled_at_ms DESC, kafka_partition, kafka_offset
  ) = 1
)
SELECT
  d.transaction_id, d.tenant, CAST(t.event_time AS DATE) AS paid_on, t.currency, t.amount_minor / 100.0 AS amount,
  t.merchant_id, t.card_country, t.merchant_country, d.outcome, d.score, d.rung, d.degraded_because,
  CASE WHEN d.outcome = 'approve' THEN 0 ELSE 1 END AS stopped,
  CASE WHEN v.fraud THEN 1 WHEN NOT v.fraud THEN 0 END AS fraud,
  v.source AS fraud_source, (v.labelled_at_ms - t.occurred_at_ms) / 86400000.0 AS days_until_known
FROM decisions AS d
JOIN transactions AS t ON t.transaction_id = d.transaction_id
LEFT JOIN verdicts AS v ON v.tenant = d.tenant AND v.client_transaction_id = d.client_transaction_id
