-- Data keys of personal fields, wrapped. A row that is deleted is a person's data that nobody can read any more, wherever they are.
CREATE TABLE control.subject_keys (
  key_id       bytea PRIMARY KEY,
  tenant       text NOT NULL,
  card_token   text NOT NULL,
  -- Empty where no e-mail address came with the card.
  email_token  text NOT NULL,
  wrapped      bytea NOT NULL,
  envelope_id  bytea NOT NULL,
  created_at   timestamptz NOT NULL
);
CREATE INDEX subject_keys_of_card ON control.subject_keys (tenant, card_token);
CREATE INDEX subject_keys_of_email ON control.subject_keys (tenant, email_token) WHERE email_token <> '';
CREATE INDEX subject_keys_by_age ON control.subject_keys (created_at);

-- What the data keys are wrapped with: one for each instance of the front door and half a day.
CREATE TABLE control.envelope_keys (
  -- SHA-256 of `wrapped`.
  id          bytea PRIMARY KEY,
  master_key  text NOT NULL,
  wrapped     bytea NOT NULL,
  created_at  timestamptz NOT NULL
);

-- Who was erased: it stays, so that no key is kept for them again.
CREATE TABLE control.erasures (
  tenant        text NOT NULL,
  subject       text NOT NULL,
  erased_at     timestamptz NOT NULL,
  is_published  boolean NOT NULL DEFAULT false,
  PRIMARY KEY (tenant, subject)
);
CREATE INDEX erasures_unpublished ON control.erasures (tenant, subject) WHERE NOT is_published;
