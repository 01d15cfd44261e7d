-- What dispute ratios are counted by. Empty, and true, for payments that were read before.
ALTER TABLE console.payments ADD COLUMN merchant_id text NOT NULL DEFAULT '',
  ADD COLUMN card_scheme text NOT NULL DEFAULT '', ADD COLUMN is_remote boolean NOT NULL DEFAULT true;

-- Settled payments per calendar month in UTC, without data about persons.
CREATE TABLE console.settled_months (
  tenant        text NOT NULL,
  month         date NOT NULL,
  -- Empty if the payment has none.
  merchant_id   text NOT NULL,
  -- `visa`, `mastercard`, other names of brands, or empty if unknown.
  card_scheme   text NOT NULL,
  -- False if the card was presented.
  is_remote     boolean NOT NULL,
  currency      text NOT NULL,
  -- A payment counts in the month of its first capture; each captured amount in its own month.
  payments      bigint NOT NULL,
  amount_minor  bigint NOT NULL,
  PRIMARY KEY (tenant, month, merchant_id, card_scheme, is_remote, currency)
);

-- Months that started before this time are incomplete: their payments were read by an earlier release, or deleted.
CREATE TABLE console.settled_since (since_ms bigint NOT NULL);
INSERT INTO console.settled_since
  SELECT CASE WHEN EXISTS (SELECT FROM console.payments) THEN floor(extract(epoch FROM now()) * 1000) ELSE 0 END;
