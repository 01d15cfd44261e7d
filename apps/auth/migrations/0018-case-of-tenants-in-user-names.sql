-- Tenants whose names differ only in case must not share the names of their users.
ALTER TABLE auth.people
  DROP CONSTRAINT people_user_name_check,
  ADD CONSTRAINT people_user_name_check CHECK (user_name ~ '^([A-Za-z0-9_-]{1,64}:)?[a-z0-9._@+-]{1,64}(:[0-9]{1,2})?$');
