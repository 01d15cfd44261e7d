-- Who closed a case, and when; null for cases that an earlier release closed.
ALTER TABLE console.cases ADD COLUMN closed_at_ms bigint, ADD COLUMN closed_by_id text, ADD COLUMN closed_by_name text;
CREATE INDEX cases_by_closing ON console.cases (tenant, closed_at_ms) WHERE status = 'closed';
