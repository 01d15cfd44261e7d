-- What was noted for the audit log and is not on the topic `audit` yet.
CREATE TABLE auth.audit_outbox (
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
