-- The Models screen reads the payments that are old enough for a verdict.
CREATE INDEX payments_by_time ON console.payments (tenant, occurred_at_ms);
