-- The second factor of a person: a sealed secret for time-based codes (RFC 6238), the step of the last code that was used, and
-- HMACs of recovery codes that were not.
ALTER TABLE auth.people
  ADD COLUMN totp_secret     bytea,
  ADD COLUMN totp_last_step  bigint NOT NULL DEFAULT 0,
  ADD COLUMN recovery_codes  bytea[] NOT NULL DEFAULT '{}';
