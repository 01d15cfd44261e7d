-- People sign in with a user name and a password (argon2id, PHC string). Without a password nobody can sign in.
CREATE TABLE auth.people (
  person_id      text PRIMARY KEY,
  user_name      text NOT NULL UNIQUE CHECK (user_name ~ '^[a-z0-9._@+-]{1,64}$'),
  name           text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  tenant         text NOT NULL CHECK (tenant ~ '^[A-Za-z0-9_-]{1,64}$'),
  roles          text[] NOT NULL CHECK (roles <@ ARRAY['viewer', 'analyst', 'lead', 'admin']),
  password_hash  text,
  created_at     timestamptz NOT NULL DEFAULT now(),
  disabled_at    timestamptz
);

-- A client with redirect URIs signs people in; one without them speaks for itself.
ALTER TABLE auth.clients
  ADD COLUMN redirect_uris text[] NOT NULL DEFAULT '{}',
  ADD COLUMN signed_out_uris text[] NOT NULL DEFAULT '{}';

-- What a sign-in leaves: sessions, interactions, grants, codes and refresh tokens. `id` is a SHA-256 of the value that a browser or client
-- holds, and the rest is sealed as the signing keys are, so that reading this table lets nobody in.
CREATE TABLE auth.sign_ins (
  model        text NOT NULL,
  id           bytea NOT NULL,
  sealed       bytea NOT NULL,
  grant_id     bytea,
  uid          bytea,
  person_id    text,
  consumed_at  timestamptz,
  expires_at   timestamptz NOT NULL,
  PRIMARY KEY (model, id)
);
CREATE INDEX sign_ins_grant_id ON auth.sign_ins (grant_id);
CREATE INDEX sign_ins_uid ON auth.sign_ins (uid);
CREATE INDEX sign_ins_person_id ON auth.sign_ins (person_id);
CREATE INDEX sign_ins_expires_at ON auth.sign_ins (expires_at);

-- Failed sign-ins by name, whether or not somebody has it. The key is an HMAC: people type passwords into the wrong field.
CREATE TABLE auth.sign_in_failures (
  name_hash  bytea PRIMARY KEY,
  failures   integer NOT NULL,
  ends_at    timestamptz NOT NULL
);
CREATE INDEX sign_in_failures_ends_at ON auth.sign_in_failures (ends_at);
