-- A list has one effect, that of its first entry.
CREATE TABLE control.lists (
  tenant  text NOT NULL CHECK (tenant ~ '^[A-Za-z0-9_-]{1,64}$'),
  list    text NOT NULL CHECK (list ~ '^[a-z][a-z0-9-]{0,31}$'),
  effect  text NOT NULL CHECK (effect IN ('deny', 'watch', 'allow')),
  PRIMARY KEY (tenant, list)
);

-- What is listed, with who listed it and why. A removed entry stays until the services have been told.
CREATE TABLE control.list_entries (
  tenant        text NOT NULL,
  list          text NOT NULL,
  kind          text NOT NULL,
  value         text NOT NULL,
  reason        text NOT NULL,
  author        text NOT NULL,
  created_at    timestamptz NOT NULL,
  expires_at    timestamptz,
  is_removed    boolean NOT NULL DEFAULT false,
  is_published  boolean NOT NULL DEFAULT false,
  PRIMARY KEY (tenant, list, kind, value),
  FOREIGN KEY (tenant, list) REFERENCES control.lists
);
CREATE INDEX list_entries_by_value ON control.list_entries (tenant, kind, value);
CREATE INDEX list_entries_unpublished ON control.list_entries (tenant, list, kind, value) WHERE NOT is_published;
CREATE INDEX list_entries_by_end ON control.list_entries (expires_at) WHERE NOT is_removed;
