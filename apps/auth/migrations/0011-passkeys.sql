-- Passkeys of people (WebAuthn): public keys, so nothing of them is a secret.
CREATE TABLE auth.passkeys (
  credential_id  text PRIMARY KEY CHECK (length(credential_id) <= 1400),
  person_id      text NOT NULL REFERENCES auth.people ON DELETE CASCADE,
  name           text NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
  public_key     bytea NOT NULL,
  counter        bigint NOT NULL,
  transports     text[] NOT NULL DEFAULT '{}',
  created_at     timestamptz NOT NULL DEFAULT now(),
  used_at        timestamptz
);
CREATE INDEX passkeys_person_id ON auth.passkeys (person_id);
