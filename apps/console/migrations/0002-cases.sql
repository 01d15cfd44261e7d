-- What people work on: the payments of a card that somebody has to look at.
CREATE TABLE console.cases (
  id                uuid PRIMARY KEY,
  tenant            text NOT NULL,
  card_token        text NOT NULL,
  status            text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'snoozed', 'closed')),
  -- Of its payments: the strictest, the highest, how many, in the currency of the newest, the most frequent first.
  outcome           smallint NOT NULL DEFAULT 0,
  score             double precision,
  payments          int NOT NULL DEFAULT 0,
  amount_minor      bigint NOT NULL DEFAULT 0,
  currency          text NOT NULL DEFAULT '',
  reasons           text[] NOT NULL DEFAULT '{}',
  opened_at_ms      bigint NOT NULL,
  changed_at_ms     bigint NOT NULL,
  due_at_ms         bigint NOT NULL,
  snoozed_until_ms  bigint,
  assignee_id       text,
  assignee_name     text,
  is_escalated      boolean NOT NULL DEFAULT false,
  verdict           text CHECK (verdict IN ('fraud', 'genuine')),
  revision          int NOT NULL DEFAULT 0,
  -- A verdict that waits for a second person.
  pending           jsonb,
  -- The last change, for somebody who came second.
  last_change       text NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX cases_one_open_per_card ON console.cases (tenant, card_token) WHERE status <> 'closed';
CREATE INDEX cases_of_card ON console.cases (tenant, card_token);
CREATE INDEX cases_by_due ON console.cases (tenant, due_at_ms, id) WHERE status <> 'closed';
CREATE INDEX cases_by_opening ON console.cases (tenant, opened_at_ms, id);
CREATE INDEX cases_by_score ON console.cases (tenant, (coalesce(score, -1)), id) WHERE status <> 'closed';
CREATE INDEX cases_by_amount ON console.cases (tenant, amount_minor, id) WHERE status <> 'closed';

-- A payment is in one case, ever.
CREATE TABLE console.case_payments (
  transaction_id         text PRIMARY KEY,
  case_id                uuid NOT NULL REFERENCES console.cases,
  tenant                 text NOT NULL,
  client_transaction_id  text NOT NULL,
  terminal_id            text NOT NULL,
  outcome                smallint NOT NULL,
  score                  double precision,
  amount_minor           bigint NOT NULL,
  currency               text NOT NULL,
  reason_codes           text[] NOT NULL,
  occurred_at_ms         bigint NOT NULL,
  decided_at_ms          bigint NOT NULL
);
CREATE INDEX case_payments_of_case ON console.case_payments (case_id);
CREATE INDEX case_payments_by_client_id ON console.case_payments (tenant, client_transaction_id);
CREATE INDEX case_payments_of_terminal ON console.case_payments (tenant, terminal_id);

-- What was done, in sentences.
CREATE TABLE console.case_events (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  case_id  uuid NOT NULL REFERENCES console.cases,
  at_ms    bigint NOT NULL,
  by_id    text,
  by_name  text,
  text     text NOT NULL
);
CREATE INDEX case_events_of_case ON console.case_events (case_id);

CREATE TABLE console.case_notes (
  id           uuid PRIMARY KEY,
  case_id      uuid NOT NULL REFERENCES console.cases,
  author_id    text NOT NULL,
  author_name  text NOT NULL,
  text         text NOT NULL,
  at_ms        bigint NOT NULL
);
CREATE INDEX case_notes_of_case ON console.case_notes (case_id);

-- Labels that people gave and that the front door has not confirmed yet. One is sent with a token of the person who gave it.
CREATE TABLE console.label_outbox (
  transaction_id  text PRIMARY KEY,
  case_id         uuid NOT NULL REFERENCES console.cases,
  tenant          text NOT NULL,
  person_id       text NOT NULL,
  body            jsonb NOT NULL,
  tries           int NOT NULL DEFAULT 0,
  next_try_at_ms  bigint NOT NULL
);
CREATE INDEX label_outbox_due ON console.label_outbox (next_try_at_ms);

CREATE TABLE console.views (
  tenant     text NOT NULL,
  person_id  text NOT NULL,
  name       text NOT NULL,
  query      jsonb NOT NULL,
  PRIMARY KEY (tenant, person_id, name)
);

-- Who saw what belongs to a person in clear.
CREATE TABLE console.looks (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at_ms        bigint NOT NULL,
  tenant       text NOT NULL,
  person_id    text NOT NULL,
  person_name  text NOT NULL,
  kind         text NOT NULL,
  subject      text NOT NULL
);
CREATE INDEX looks_of_tenant ON console.looks (tenant, id);
