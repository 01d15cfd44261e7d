-- May exist: before the upgrade, large installations build the indexes on payments (see *Upgrade* in the CHANGELOG).
-- The search finds payments by amount. Newest first, so that a frequent amount costs no more than a rare one.
CREATE INDEX IF NOT EXISTS payments_by_amount ON console.payments (tenant, amount_minor, currency, occurred_at_ms);
