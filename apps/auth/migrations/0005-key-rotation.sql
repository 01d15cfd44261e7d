-- A new key is published before it signs: services that have just read the keys would refuse a token of one they do not know.
ALTER TABLE auth.signing_keys ADD COLUMN active_from timestamptz NOT NULL DEFAULT now();
