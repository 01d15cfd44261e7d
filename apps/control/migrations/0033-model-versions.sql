-- What is known about a model version besides its manifest in the registry, which cannot change.
CREATE TABLE control.model_versions (
  model_name   text NOT NULL,
  version      text NOT NULL,
  -- How the version was compared with the champion before a rollout, if it was registered by hand; otherwise null.
  comparison   jsonb,
  PRIMARY KEY (model_name, version)
);
