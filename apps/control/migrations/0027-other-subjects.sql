-- Tokens of the person besides card and e-mail address, such as an account's.
ALTER TABLE control.subject_keys ADD COLUMN other_tokens text[] NOT NULL DEFAULT '{}';
CREATE INDEX subject_keys_of_others ON control.subject_keys USING gin (other_tokens) WHERE other_tokens <> '{}';
