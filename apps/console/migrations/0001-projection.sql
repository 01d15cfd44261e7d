-- What the topics say, read again at any time. Times are milliseconds since the epoch, as on the topics.

-- Payments with their feature vectors, from `features`.
CREATE TABLE console.payments (
  transaction_id         text PRIMARY KEY,
  tenant                 text NOT NULL,
  client_transaction_id  text NOT NULL,
  card_token             text NOT NULL,
  terminal_id            text NOT NULL,
  device_token           text NOT NULL,
  ip_token               text NOT NULL,
  amount_minor           bigint NOT NULL,
  currency               text NOT NULL,
  occurred_at_ms         bigint NOT NULL,
  read_at_ms             bigint NOT NULL,
  -- The record as it was read: a FeatureVector.
  record                 bytea NOT NULL
);
CREATE INDEX payments_of_card ON console.payments (tenant, card_token, occurred_at_ms);
CREATE INDEX payments_of_terminal ON console.payments (tenant, terminal_id, occurred_at_ms);
CREATE INDEX payments_of_device ON console.payments (tenant, device_token, occurred_at_ms) WHERE device_token <> '';
CREATE INDEX payments_of_ip ON console.payments (tenant, ip_token, occurred_at_ms) WHERE ip_token <> '';
CREATE INDEX payments_by_reading ON console.payments (read_at_ms);

-- From `decisions`. One may come before or after its payment; both together are shown.
CREATE TABLE console.decisions (
  transaction_id   text PRIMARY KEY,
  tenant           text NOT NULL,
  -- The numbers of the message.
  outcome          smallint NOT NULL,
  rung             smallint NOT NULL,
  score            double precision,
  model_version    text NOT NULL,
  -- Of the model that is tried out.
  candidate_version  text,
  candidate_score  double precision,
  reason_codes     text[] NOT NULL,
  -- Of the strictest reason.
  reason           jsonb,
  latency_ms       int NOT NULL,
  decided_at_ms    bigint NOT NULL,
  read_at_ms       bigint NOT NULL,
  record           bytea NOT NULL
);
CREATE INDEX decisions_newest ON console.decisions (tenant, decided_at_ms, transaction_id);
-- Few payments are stopped, so a search for them would otherwise read many that are not.
CREATE INDEX decisions_stopped ON console.decisions (tenant, decided_at_ms, transaction_id) WHERE outcome > 1;
CREATE INDEX decisions_by_reading ON console.decisions (read_at_ms);

-- From `labels`; of several of a payment the newest.
CREATE TABLE console.labels (
  transaction_id  text PRIMARY KEY,
  tenant          text NOT NULL,
  fraud           boolean NOT NULL,
  source          text NOT NULL,
  labelled_at_ms  bigint NOT NULL,
  read_at_ms      bigint NOT NULL
);
CREATE INDEX labels_by_reading ON console.labels (read_at_ms);
