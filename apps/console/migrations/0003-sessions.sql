-- Who is signed in. The cookie is a secret of which only the hash is here; the tokens are sealed.
CREATE TABLE console.sessions (
  id_hash        bytea PRIMARY KEY,
  tenant         text NOT NULL,
  person_id      text NOT NULL,
  person_name    text NOT NULL,
  roles          text[] NOT NULL,
  scopes         text[] NOT NULL,
  csrf_token     text NOT NULL,
  tokens         bytea NOT NULL,
  token_ends_ms  bigint NOT NULL,
  expires_at_ms  bigint NOT NULL,
  used_at_ms     bigint NOT NULL
);
CREATE INDEX sessions_of_person ON console.sessions (tenant, person_id);
CREATE INDEX sessions_by_end ON console.sessions (expires_at_ms);

-- Who has signed in here: whom a case can be assigned to.
CREATE TABLE console.people (
  tenant        text NOT NULL,
  person_id     text NOT NULL,
  name          text NOT NULL,
  can_work      boolean NOT NULL,
  signed_in_ms  bigint NOT NULL,
  PRIMARY KEY (tenant, person_id)
);
