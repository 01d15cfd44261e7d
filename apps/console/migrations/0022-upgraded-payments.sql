-- Payments read before this time have no merchant ID and card scheme in their columns, and count as remote.
ALTER TABLE console.settled_since ADD COLUMN upgraded_ms bigint NOT NULL DEFAULT 0;
UPDATE console.settled_since SET upgraded_ms = since_ms;
