-- Machine clients. `secret_hash` is a PHC string (scrypt); a client has either it or public keys, never both.
CREATE TABLE auth.clients (
  client_id    text PRIMARY KEY CHECK (client_id ~ '^[A-Za-z0-9._-]{1,64}$'),
  tenant       text NOT NULL CHECK (tenant ~ '^[A-Za-z0-9_-]{1,64}$'),
  auth_method  text NOT NULL CHECK (auth_method IN ('client_secret_basic', 'private_key_jwt')),
  secret_hash  text,
  jwks         jsonb,
  scopes       text[] NOT NULL CHECK (cardinality(scopes) > 0),
  created_at   timestamptz NOT NULL DEFAULT now(),
  disabled_at  timestamptz,
  CHECK ((auth_method = 'client_secret_basic') = (secret_hash IS NOT NULL)),
  CHECK ((auth_method = 'private_key_jwt') = (jwks IS NOT NULL))
);

-- Private signing keys, each sealed with AES-256-GCM under KEY_ENCRYPTION_KEY; see seal-bytes.ts for the layout.
CREATE TABLE auth.signing_keys (
  kid                  text PRIMARY KEY,
  wrapped_private_jwk  bytea NOT NULL,
  created_at           timestamptz NOT NULL DEFAULT now(),
  retired_at           timestamptz
);

-- Client assertions (RFC 7523) that were used, until they expire: each is good for one token, whichever instance sees it.
CREATE TABLE auth.used_assertions (
  id          text PRIMARY KEY,
  expires_at  timestamptz NOT NULL
);
CREATE INDEX used_assertions_expires_at ON auth.used_assertions (expires_at);
