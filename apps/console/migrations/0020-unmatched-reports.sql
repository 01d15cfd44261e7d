-- What reports without a payment ID are compared with. Empty for payments that were read before.
ALTER TABLE console.payments ADD COLUMN authorisation_code text NOT NULL DEFAULT '',
  ADD COLUMN IF NOT EXISTS acquirer_reference text NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS payments_of_reference ON console.payments (tenant, acquirer_reference) WHERE acquirer_reference <> '';

ALTER TABLE console.fraud_reports ADD COLUMN file text NOT NULL DEFAULT '',
  ADD COLUMN matched_by text NOT NULL DEFAULT '';
CREATE INDEX fraud_reports_of_file ON console.fraud_reports (tenant, file) WHERE file <> '';
CREATE INDEX fraud_reports_by_time ON console.fraud_reports (tenant, reported_at_ms);

-- Reports whose payment is not known yet. A matched one moves to `fraud_reports`.
CREATE TABLE console.unmatched_reports (
  report_id           text PRIMARY KEY,
  tenant              text NOT NULL,
  client_report_id    text NOT NULL,
  version             int NOT NULL,
  -- Empty if the report has only an acquirer reference.
  card_token          text NOT NULL,
  acquirer_reference  text NOT NULL,
  authorisation_code  text NOT NULL,
  amount_minor        bigint,
  currency            text NOT NULL,
  occurred_at_ms      bigint NOT NULL,
  reported_at_ms      bigint NOT NULL,
  -- The numbers of the message.
  kind                smallint NOT NULL,
  stage               smallint NOT NULL,
  file                text NOT NULL,
  withdrawn           boolean NOT NULL,
  reason_code         text NOT NULL,
  -- The version arrived again with different content.
  is_conflicting      boolean NOT NULL DEFAULT false,
  -- `waiting`: no payment was found. `ambiguous`: a user decides. `expired`: it is no longer searched for.
  state               text NOT NULL DEFAULT 'waiting',
  checked_at_ms       bigint NOT NULL,
  read_at_ms          bigint NOT NULL,
  record              bytea NOT NULL
);
CREATE INDEX unmatched_reports_of_tenant ON console.unmatched_reports (tenant, state, reported_at_ms, report_id);
CREATE INDEX unmatched_reports_to_check ON console.unmatched_reports (checked_at_ms) WHERE state <> 'expired';
CREATE INDEX unmatched_reports_of_card ON console.unmatched_reports (tenant, card_token) WHERE card_token <> '';
CREATE INDEX unmatched_reports_by_version ON console.unmatched_reports (tenant, client_report_id);
CREATE INDEX unmatched_reports_of_file ON console.unmatched_reports (tenant, file) WHERE file <> '';
CREATE INDEX unmatched_reports_by_reading ON console.unmatched_reports (read_at_ms);

-- Matched reports that are not on the topic `fraud-reports` yet, with their payment.
CREATE TABLE console.matched_reports (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant        text NOT NULL,
  card_token    text NOT NULL,
  queued_at_ms  bigint NOT NULL,
  record        bytea NOT NULL
);
CREATE INDEX matched_reports_of_card ON console.matched_reports (tenant, card_token);
