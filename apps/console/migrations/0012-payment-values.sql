-- What payments can be searched by besides the columns of `payments`: a row per value that was sent.
CREATE TABLE console.payment_values (
  tenant          text NOT NULL,
  -- For instance `account`.
  kind            text NOT NULL,
  value           text NOT NULL,
  occurred_at_ms  bigint NOT NULL,
  transaction_id  text NOT NULL REFERENCES console.payments ON DELETE CASCADE,
  PRIMARY KEY (tenant, kind, value, occurred_at_ms, transaction_id)
);
CREATE INDEX payment_values_of_payment ON console.payment_values (transaction_id);
