-- The profile of a card: one row for each day (UTC) with payments, as of the end of that day. DuckDB runs this query in
-- packages/backfill and in training/feature_repo. Sums are integers, so the order of rows does not matter.
--
-- From profile_payments: card_token, terminal_id, occurred_at_ms, thousandths of the major unit, latitude, longitude.
--
-- card_payments_total, card_active_days_total   number of payments, and of days with payments
-- card_amount_mean_total                        mean amount in major units
-- card_usual_hour                               most frequent hour of the day (UTC), the earliest if several are equal
-- card_first_paid_ms                            time of the first payment
-- card_home_latitude, card_home_longitude       mean location of the payments that have one; null if none does. It is the
--                                               mean of degrees, which is wrong for a card that pays on both sides of
--                                               180 degrees
WITH payments AS (
  SELECT card_token, occurred_at_ms, thousandths, occurred_at_ms // 86400000 AS day,
    occurred_at_ms % 86400000 // 3600000 AS hour, latitude IS NOT NULL AND longitude IS NOT NULL AS placed,
    round(latitude * 1000000)::BIGINT AS north, round(longitude * 1000000)::BIGINT AS east
  FROM profile_payments
), days AS (
  SELECT card_token, day, count(*) AS payments, sum(thousandths) AS amount, min(occurred_at_ms) AS first_ms,
    count(*) FILTER (placed) AS places, sum(north) FILTER (placed) AS north, sum(east) FILTER (placed) AS east,
    count(*) FILTER (hour = 0) AS h0, count(*) FILTER (hour = 1) AS h1, count(*) FILTER (hour = 2) AS h2,
    count(*) FILTER (hour = 3) AS h3, count(*) FILTER (hour = 4) AS h4, count(*) FILTER (hour = 5) AS h5,
    count(*) FILTER (hour = 6) AS h6, count(*) FILTER (hour = 7) AS h7, count(*) FILTER (hour = 8) AS h8,
    count(*) FILTER (hour = 9) AS h9, count(*) FILTER (hour = 10) AS h10, count(*) FILTER (hour = 11) AS h11,
    count(*) FILTER (hour = 12) AS h12, count(*) FILTER (hour = 13) AS h13, count(*) FILTER (hour = 14) AS h14,
    count(*) FILTER (hour = 15) AS h15, count(*) FILTER (hour = 16) AS h16, count(*) FILTER (hour = 17) AS h17,
    count(*) FILTER (hour = 18) AS h18, count(*) FILTER (hour = 19) AS h19, count(*) FILTER (hour = 20) AS h20,
    count(*) FILTER (hour = 21) AS h21, count(*) FILTER (hour = 22) AS h22, count(*) FILTER (hour = 23) AS h23
  FROM payments GROUP BY card_token, day
), totals AS (
  SELECT card_token, day, sum(payments) OVER so_far AS payments, sum(amount) OVER so_far AS amount,
    count(*) OVER so_far AS days, min(first_ms) OVER so_far AS first_ms, sum(places) OVER so_far AS places,
    sum(north) OVER so_far AS north, sum(east) OVER so_far AS east, [
      sum(h0) OVER so_far, sum(h1) OVER so_far, sum(h2) OVER so_far, sum(h3) OVER so_far, sum(h4) OVER so_far,
      sum(h5) OVER so_far, sum(h6) OVER so_far, sum(h7) OVER so_far, sum(h8) OVER so_far, sum(h9) OVER so_far,
      sum(h10) OVER so_far, sum(h11) OVER so_far, sum(h12) OVER so_far, sum(h13) OVER so_far, sum(h14) OVER so_far,
      sum(h15) OVER so_far, sum(h16) OVER so_far, sum(h17) OVER so_far, sum(h18) OVER so_far, sum(h19) OVER so_far,
      sum(h20) OVER so_far, sum(h21) OVER so_far, sum(h22) OVER so_far, sum(h23) OVER so_far
    ] AS hours
  FROM days WINDOW so_far AS (PARTITION BY card_token ORDER BY day)
)
SELECT card_token, day, payments::BIGINT AS card_payments_total, days::BIGINT AS card_active_days_total,
  (amount / 1000 / payments)::DOUBLE AS card_amount_mean_total,
  (list_position(hours, list_max(hours)) - 1)::BIGINT AS card_usual_hour, first_ms::BIGINT AS card_first_paid_ms,
  (north / nullif(places, 0) / 1000000)::DOUBLE AS card_home_latitude,
  (east / nullif(places, 0) / 1000000)::DOUBLE AS card_home_longitude
FROM totals
