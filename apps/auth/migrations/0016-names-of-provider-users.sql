-- Users of an identity provider are named `<tenant>:<name>`, so that the provider of one tenant cannot take the names of others. A number follows
-- if an earlier user of the tenant has the same name.
ALTER TABLE auth.people
  DROP CONSTRAINT people_user_name_check,
  ADD CONSTRAINT people_user_name_check CHECK (user_name ~ '^([a-z0-9_-]{1,64}:)?[a-z0-9._@+-]{1,64}(:[0-9]{1,2})?$'),
  ADD COLUMN provider_subject_claim text NOT NULL DEFAULT 'sub';

-- The same value in another claim can mean another user.
UPDATE auth.people SET provider_subject_claim = subject_claim FROM auth.identity_providers provider
  WHERE provider.tenant = people.tenant AND provider_issuer = issuer;
DROP INDEX auth.people_provider;
CREATE UNIQUE INDEX people_provider ON auth.people (tenant, provider_issuer, provider_subject_claim, provider_subject);
