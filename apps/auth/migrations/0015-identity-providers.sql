-- The OpenID Connect provider of a tenant. `client_secret` is sealed as the signing keys are; `mapping` says which value of the roles claim
-- grants which role. A domain belongs to one tenant, which proved it by DNS.
CREATE TABLE auth.identity_providers (
  tenant           text PRIMARY KEY CHECK (tenant ~ '^[A-Za-z0-9_-]{1,64}$'),
  issuer           text NOT NULL,
  client_id        text NOT NULL,
  client_secret    bytea NOT NULL,
  scope            text NOT NULL,
  domains          text[] NOT NULL,
  subject_claim    text NOT NULL,
  user_name_claim  text NOT NULL,
  roles_claim      text NOT NULL,
  role_mapping     jsonb NOT NULL,
  required_claims  jsonb NOT NULL,
  is_enforced      boolean NOT NULL,
  break_glass      text REFERENCES auth.people,
  changed_at       timestamptz NOT NULL DEFAULT now(),
  CHECK (NOT is_enforced OR break_glass IS NOT NULL)
);

-- Whom the provider means: never found by name or e-mail address, which others could get. `provider_groups` are the values of the last sign-in.
ALTER TABLE auth.people
  ADD COLUMN provider_issuer   text,
  ADD COLUMN provider_subject  text,
  ADD COLUMN provider_groups   text[] NOT NULL DEFAULT '{}',
  ADD CHECK ((provider_issuer IS NULL) = (provider_subject IS NULL));
CREATE UNIQUE INDEX people_provider ON auth.people (tenant, provider_issuer, provider_subject);
