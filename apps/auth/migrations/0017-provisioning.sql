-- Users whom a tenant's identity provider manages by SCIM. `external_id` is the provider's ID of the user. `deprovisioned_at` is set while SCIM
-- keeps a user disabled, so that SCIM never enables a user whom an administrator disabled.
ALTER TABLE auth.people
  ADD COLUMN external_id       text,
  ADD COLUMN provisioned_at    timestamptz,
  ADD COLUMN deprovisioned_at  timestamptz;
CREATE UNIQUE INDEX people_external_id ON auth.people (tenant, external_id);

-- How a user who signs in with the provider is matched with a provisioned one.
ALTER TABLE auth.identity_providers
  ADD COLUMN provisioning_match text NOT NULL DEFAULT 'external_id' CHECK (provisioning_match IN ('external_id', 'user_name'));

-- The token with which the provider calls the SCIM API. It has 256 random bits, so a SHA-256 is enough.
CREATE TABLE auth.scim_tokens (
  tenant      text PRIMARY KEY REFERENCES auth.identity_providers ON DELETE CASCADE,
  token_hash  bytea NOT NULL UNIQUE,
  created_by  text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now()
);

-- Groups of the provider. Both the name and the external ID can be a value of the role mapping.
CREATE TABLE auth.scim_groups (
  group_id      text PRIMARY KEY,
  tenant        text NOT NULL REFERENCES auth.identity_providers ON DELETE CASCADE,
  external_id   text,
  display_name  text NOT NULL CHECK (length(display_name) BETWEEN 1 AND 256),
  created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX scim_groups_display_name ON auth.scim_groups (tenant, lower(display_name));
CREATE UNIQUE INDEX scim_groups_external_id ON auth.scim_groups (tenant, external_id);

CREATE TABLE auth.scim_members (
  group_id   text NOT NULL REFERENCES auth.scim_groups ON DELETE CASCADE,
  person_id  text NOT NULL REFERENCES auth.people ON DELETE CASCADE,
  PRIMARY KEY (group_id, person_id)
);
CREATE INDEX scim_members_person_id ON auth.scim_members (person_id);
