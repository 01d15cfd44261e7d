-- Clients and people whose tokens are not accepted any more: what the table `auth-events` of Kafka is told. A change is committed
-- here first and published by any instance, so that nothing is lost while Kafka is away.
CREATE TABLE auth.revocations (
  kind          text NOT NULL CHECK (kind IN ('client', 'person')),
  subject       text NOT NULL,
  tenant        text NOT NULL,
  disabled      boolean NOT NULL,
  not_before    timestamptz NOT NULL,
  changed_at    timestamptz NOT NULL DEFAULT now(),
  is_removed    boolean NOT NULL DEFAULT false,
  is_published  boolean NOT NULL DEFAULT false,
  PRIMARY KEY (kind, subject)
);
CREATE INDEX revocations_unpublished ON auth.revocations (changed_at) WHERE NOT is_published;
