-- What happened to payments, from `payment-updates`. Times are milliseconds since the epoch, as on the topics.
CREATE TABLE console.payment_updates (
  update_id       text PRIMARY KEY,
  -- Its payment may come later, or never.
  transaction_id  text NOT NULL,
  tenant          text NOT NULL,
  card_token      text NOT NULL,
  -- The numbers of the message.
  kind            smallint NOT NULL,
  declined_by     smallint NOT NULL,
  issuer_code     text NOT NULL,
  amount_minor    bigint,
  currency        text NOT NULL,
  updated_at_ms   bigint NOT NULL,
  read_at_ms      bigint NOT NULL
);
CREATE INDEX payment_updates_of_payment ON console.payment_updates (transaction_id, updated_at_ms, update_id);
CREATE INDEX payment_updates_of_card ON console.payment_updates (tenant, card_token);
CREATE INDEX payment_updates_by_reading ON console.payment_updates (read_at_ms);
