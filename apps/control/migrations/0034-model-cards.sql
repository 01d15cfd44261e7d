-- The contract of a model version: who answers for it, until when, and who signed it. Null without a model card.
ALTER TABLE control.model_versions
  ADD COLUMN owner text,
  ADD COLUMN expires_at timestamptz,
  -- The user behind the registration, who cannot sign unless retraining registered the version.
  ADD COLUMN registered_by text,
  ADD COLUMN registered_at timestamptz,
  ADD COLUMN signed_by text,
  ADD COLUMN signed_at timestamptz;
CREATE INDEX model_versions_by_expiry ON control.model_versions (expires_at);
