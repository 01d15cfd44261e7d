-- Entries that concern many payments and were added together: what was decided before and after is compared, and the entries are
-- withdrawn if the outcomes change too much.
CREATE TABLE control.list_watches (
  id        uuid PRIMARY KEY,
  tenant    text NOT NULL CHECK (tenant ~ '^[A-Za-z0-9_-]{1,64}$'),
  list      text NOT NULL,
  entry_kinds   text[] NOT NULL,
  entry_values  text[] NOT NULL,
  author    text NOT NULL,
  began_at  timestamptz NOT NULL,
  watch     jsonb,
  ended_at  timestamptz,
  -- Why the guard withdrew them; null where it did not.
  breach    text
);
CREATE INDEX list_watches_open ON control.list_watches (began_at) WHERE ended_at IS NULL;
CREATE INDEX list_watches_of_tenant ON control.list_watches (tenant, began_at);
