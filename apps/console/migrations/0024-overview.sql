-- The day in UTC in which the Overview counts the payment; null if it does not count it. Country: of the card's issuer.
ALTER TABLE console.payments ADD COLUMN IF NOT EXISTS counted_day date, ADD COLUMN card_country text NOT NULL DEFAULT '';
-- The verdict that the Overview has counted.
ALTER TABLE console.labels ADD COLUMN counted_fraud boolean;
-- False for decisions that an earlier release stored, whose payments the Overview does not count.
ALTER TABLE console.decisions ADD COLUMN is_counted boolean NOT NULL DEFAULT false;
-- Finds payments that an earlier release stores during or after the upgrade.
CREATE INDEX IF NOT EXISTS payments_uncounted ON console.payments (occurred_at_ms) WHERE counted_day IS NULL;

-- Payments and verdicts by day, and again by month, without data about persons. A verdict counts on the day of its payment.
CREATE TABLE console.overview_days (
  tenant      text NOT NULL,
  -- `all`, `country`, `merchant`, `model` or `reason`. Each payment counts once in every dimension.
  dimension   text NOT NULL,
  -- `day` or `month`. Sums over a year read months.
  bucket      text NOT NULL,
  -- In UTC; of a month, the first one.
  day         date NOT NULL,
  currency    text NOT NULL,
  -- Empty if the payment has none; `*` for merchants that are not in `overview_merchants`.
  value       text NOT NULL,
  -- By outcome; challenged payments count as reviewed. Frauds and genuine: payments with this verdict.
  approved_payments        bigint NOT NULL,
  approved_payments_minor  bigint NOT NULL,
  approved_frauds          bigint NOT NULL,
  approved_frauds_minor    bigint NOT NULL,
  approved_genuine         bigint NOT NULL,
  approved_genuine_minor   bigint NOT NULL,
  reviewed_payments        bigint NOT NULL,
  reviewed_payments_minor  bigint NOT NULL,
  reviewed_frauds          bigint NOT NULL,
  reviewed_frauds_minor    bigint NOT NULL,
  reviewed_genuine         bigint NOT NULL,
  reviewed_genuine_minor   bigint NOT NULL,
  declined_payments        bigint NOT NULL,
  declined_payments_minor  bigint NOT NULL,
  declined_frauds          bigint NOT NULL,
  declined_frauds_minor    bigint NOT NULL,
  declined_genuine         bigint NOT NULL,
  declined_genuine_minor   bigint NOT NULL,
  PRIMARY KEY (tenant, dimension, bucket, day, currency, value)
) WITH (fillfactor = 70);

-- Merchants with figures of their own. Their number is limited per tenant; all others are counted together.
CREATE TABLE console.overview_merchants (
  tenant       text NOT NULL,
  merchant_id  text NOT NULL,
  seen_day     date NOT NULL,
  PRIMARY KEY (tenant, merchant_id)
);

-- `upgraded_ms`: not all payments until this time are counted, because an earlier release stored some. `since_ms`: nor are
-- payments that took place before this time and arrive now, because they may have been counted and deleted already.
CREATE TABLE console.overview_since (upgraded_ms bigint NOT NULL, since_ms bigint NOT NULL);
INSERT INTO console.overview_since
  SELECT ms, ms FROM (
    SELECT CASE WHEN EXISTS (SELECT FROM console.payments) THEN floor(extract(epoch FROM now()) * 1000)::bigint ELSE 0 END AS ms
  ) upgraded;
