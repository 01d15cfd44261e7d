-- Whose policy: a tenant, or the empty string for all tenants without one of their own.

-- What a tenant asks for before its policy changes.
CREATE TABLE control.policy_settings (
  tenant          text PRIMARY KEY CHECK (tenant ~ '^[A-Za-z0-9_-]{0,64}$'),
  needs_approval  boolean NOT NULL
);

-- Texts that somebody works on. `version` counts the saves, so that nobody overwrites what another one saved meanwhile.
CREATE TABLE control.policy_drafts (
  tenant      text NOT NULL CHECK (tenant ~ '^[A-Za-z0-9_-]{0,64}$'),
  name        text NOT NULL CHECK (name ~ '^[A-Za-z0-9._-]{1,64}$'),
  version     int NOT NULL CHECK (version > 0),
  text        text NOT NULL,
  author      text NOT NULL,
  updated_at  timestamptz NOT NULL,
  PRIMARY KEY (tenant, name)
);

-- Immutable texts, numbered from 1 by tenant.
CREATE TABLE control.policy_revisions (
  tenant      text NOT NULL CHECK (tenant ~ '^[A-Za-z0-9_-]{0,64}$'),
  revision    int NOT NULL CHECK (revision > 0),
  version     text NOT NULL,
  text        text NOT NULL,
  sha256      text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  author      text NOT NULL,
  note        text NOT NULL,
  created_at  timestamptz NOT NULL,
  PRIMARY KEY (tenant, revision)
);

CREATE TABLE control.policy_approvals (
  tenant       text NOT NULL,
  revision     int NOT NULL,
  approver     text NOT NULL,
  note         text NOT NULL,
  approved_at  timestamptz NOT NULL,
  PRIMARY KEY (tenant, revision, approver),
  FOREIGN KEY (tenant, revision) REFERENCES control.policy_revisions
);

-- Numbered from 1 by tenant; of those whose time has come, the one with the highest number holds. Without a revision the
-- tenant has no policy of its own from then on.
CREATE TABLE control.policy_activations (
  tenant        text NOT NULL CHECK (tenant ~ '^[A-Za-z0-9_-]{0,64}$'),
  activation    int NOT NULL CHECK (activation > 0),
  revision      int,
  author        text NOT NULL,
  note          text NOT NULL,
  created_at    timestamptz NOT NULL,
  activates_at  timestamptz NOT NULL,
  published_at  timestamptz,
  PRIMARY KEY (tenant, activation),
  FOREIGN KEY (tenant, revision) REFERENCES control.policy_revisions
);
CREATE INDEX policy_activations_unpublished ON control.policy_activations (tenant) WHERE published_at IS NULL;

-- Who did what and when. Rows are added and never changed.
CREATE TABLE control.audit (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at       timestamptz NOT NULL,
  tenant   text NOT NULL,
  actor    text NOT NULL,
  action   text NOT NULL,
  details  jsonb NOT NULL
);
CREATE INDEX audit_tenant ON control.audit (tenant, id);

CREATE FUNCTION control.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are never changed or removed', TG_TABLE_NAME;
END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON control.audit
  FOR EACH STATEMENT EXECUTE FUNCTION control.refuse_change();
CREATE TRIGGER revisions_are_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON control.policy_revisions
  FOR EACH STATEMENT EXECUTE FUNCTION control.refuse_change();
