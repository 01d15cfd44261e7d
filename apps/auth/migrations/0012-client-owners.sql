-- The user who answers for a machine client, as whom it counts wherever a second person is asked for. Clients that the installation
-- registers have none unless it names one.
ALTER TABLE auth.clients ADD COLUMN owner text REFERENCES auth.people ON DELETE SET NULL;
CREATE INDEX clients_owner ON auth.clients (owner);
