-- What was noted and is not on the topic `audit` yet. Every service that notes something has this table in its schema.
CREATE TABLE control.audit_outbox (
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

-- The audit log of all services: one chain of hashes for each tenant, and one, of the empty name, for what concerns all of them.
-- Texts are kept as they came, because the hashes are over their bytes.
CREATE TABLE control.audit_log (
  tenant        text NOT NULL CHECK (tenant ~ '^[A-Za-z0-9_-]{0,64}$'),
  sequence      bigint NOT NULL CHECK (sequence > 0),
  event_id      text NOT NULL,
  actor         text NOT NULL,
  actor_kind    text NOT NULL,
  action        text NOT NULL,
  subject_kind  text NOT NULL,
  subject_id    text NOT NULL,
  details       text NOT NULL,
  at_ms         bigint NOT NULL,
  source        text NOT NULL,
  hash          text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
  PRIMARY KEY (tenant, sequence),
  UNIQUE (tenant, event_id)
);
CREATE TRIGGER audit_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON control.audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION control.refuse_change();

-- The last entry of each log. Its row is locked while entries are added, so that there is one writer at a time.
CREATE TABLE control.audit_heads (
  tenant           text PRIMARY KEY,
  sequence         bigint NOT NULL,
  hash             text NOT NULL,
  -- Of the newest checkpoint; 0 before the first one.
  signed_sequence  bigint NOT NULL DEFAULT 0
);

-- What control has signed.
CREATE TABLE control.audit_checkpoints (
  tenant        text NOT NULL,
  sequence      bigint NOT NULL,
  hash          text NOT NULL,
  signed_at_ms  bigint NOT NULL,
  key_id        text NOT NULL,
  signature     text NOT NULL,
  PRIMARY KEY (tenant, sequence)
);
CREATE TRIGGER audit_checkpoints_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON control.audit_checkpoints
  FOR EACH STATEMENT EXECUTE FUNCTION control.refuse_change();

-- The public keys of all that signed.
CREATE TABLE control.audit_keys (
  key_id      text PRIMARY KEY,
  public_key  text NOT NULL
);
CREATE TRIGGER audit_keys_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON control.audit_keys
  FOR EACH STATEMENT EXECUTE FUNCTION control.refuse_change();

-- What control noted before there was an audit log begins it.
INSERT INTO control.audit_outbox
  (event_id, tenant, actor, actor_kind, action, subject_kind, subject_id, details, at_ms)
SELECT 'control-' || id, tenant, actor, CASE WHEN actor IN ('guard', 'labels') THEN 'service' ELSE 'client' END, action,
  split_part(action, '-', 1), '', details::text, floor(extract(epoch FROM at) * 1000)
FROM control.audit ORDER BY id;
