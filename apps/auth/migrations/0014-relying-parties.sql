-- A client that an administrator registers signs in the people of its own tenant alone; those of the installation, all.
ALTER TABLE auth.clients ADD COLUMN is_of_tenant boolean NOT NULL DEFAULT false;
