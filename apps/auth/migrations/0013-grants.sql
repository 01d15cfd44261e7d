-- Changes that wait for a second administrator. `change` holds what is applied on approval: hashes, never a password or secret.
CREATE TABLE auth.grants (
  grant_id      text PRIMARY KEY,
  tenant        text NOT NULL,
  change        jsonb NOT NULL,
  requested_by  text NOT NULL,
  actor_kind    text NOT NULL CHECK (actor_kind IN ('client', 'person')),
  principal     text NOT NULL,
  requested_at  timestamptz NOT NULL DEFAULT now(),
  expires_at    timestamptz NOT NULL
);
CREATE INDEX grants_tenant ON auth.grants (tenant, requested_at);
CREATE INDEX grants_principal ON auth.grants (principal);

-- When another user ended somebody's administration. For a while such an administrator still counts as a second one: otherwise
-- removing the second one would be the way around the approval.
ALTER TABLE auth.people ADD COLUMN admin_removed_at timestamptz;
