-- Versions of fraud reports, from `fraud-reports`. Times are milliseconds since the epoch, as on the topics.
CREATE TABLE console.fraud_reports (
  report_id              text PRIMARY KEY,
  client_report_id       text NOT NULL,
  version                int NOT NULL,
  -- Its payment may come later, or never.
  transaction_id         text NOT NULL,
  tenant                 text NOT NULL,
  client_transaction_id  text NOT NULL,
  card_token             text NOT NULL,
  terminal_id            text NOT NULL,
  occurred_at_ms         bigint NOT NULL,
  -- The numbers of the message.
  kind                   smallint NOT NULL,
  stage                  smallint NOT NULL,
  verdict                smallint NOT NULL,
  policy_version         text NOT NULL,
  withdrawn              boolean NOT NULL,
  reason_code            text NOT NULL,
  amount_minor           bigint,
  currency               text NOT NULL,
  reported_at_ms         bigint NOT NULL,
  read_at_ms             bigint NOT NULL,
  -- Whether the payment's verdict takes it into account. False for a report that only a rebuild has read.
  is_counted             boolean NOT NULL DEFAULT false,
  -- Whether the same version was read again with other content, which was not stored.
  is_conflicting         boolean NOT NULL DEFAULT false
);
CREATE INDEX fraud_reports_of_payment ON console.fraud_reports (transaction_id, reported_at_ms, report_id);
CREATE INDEX fraud_reports_by_version ON console.fraud_reports (tenant, client_report_id, version);
CREATE INDEX fraud_reports_of_card ON console.fraud_reports (tenant, card_token);
CREATE INDEX fraud_reports_by_reading ON console.fraud_reports (read_at_ms);

-- The report that decided a label; empty for a label that a client sent.
ALTER TABLE console.labels ADD COLUMN report_id text NOT NULL DEFAULT '';
-- What a derived label contains about its payment, for the label that replaces it.
ALTER TABLE console.labels ADD COLUMN counted_card_token text, ADD COLUMN counted_terminal_id text,
  ADD COLUMN counted_occurred_at_ms bigint;
CREATE INDEX labels_of_card ON console.labels (tenant, counted_card_token) WHERE counted_card_token IS NOT NULL;

-- Labels derived from reports that are not on the topic `labels` yet.
CREATE TABLE console.report_labels (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant        text NOT NULL,
  card_token    text NOT NULL,
  queued_at_ms  bigint NOT NULL,
  record        bytea NOT NULL
);
CREATE INDEX report_labels_of_card ON console.report_labels (tenant, card_token);
