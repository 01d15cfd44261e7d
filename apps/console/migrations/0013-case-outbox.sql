-- Changes to cases that are not on the topic `case-events` yet. No reference to the case: an erasure may delete it first.
CREATE TABLE console.case_outbox (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  case_id      uuid NOT NULL,
  tenant       text NOT NULL,
  kind         smallint NOT NULL,
  revision     int NOT NULL,
  at_ms        bigint NOT NULL,
  assignee_id  text NOT NULL DEFAULT '',
  verdict      text NOT NULL DEFAULT '',
  payments     int NOT NULL
);
