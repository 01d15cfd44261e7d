-- What was noted and is not on the topic `audit` yet. Every service that notes something has this table in its schema.
CREATE TABLE console.audit_outbox (
  id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id      text NOT NULL UNIQUE,
  tenant        text NOT NULL,
  actor         text NOT NULL,
  actor_kind    text NOT NULL,
  action        text NOT NULL,
  subject_kind  text NOT NULL,
  subject_id    text NOT NULL,
  details       text NOT NULL,
  at_ms         bigint NOT NULL
);

-- Looks go into the audit log instead.
DROP TABLE console.looks;
