-- Counting a million entries, and finding those of one author, within a request.
CREATE INDEX list_entries_counted ON control.list_entries (tenant, list) WHERE NOT is_removed;
CREATE INDEX list_entries_by_author ON control.list_entries (tenant, author) WHERE NOT is_removed;
