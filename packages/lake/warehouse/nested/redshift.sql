CREATE VIEW reasons AS
SELECT DISTINCT d.transaction_id, r.code AS code, r.outcome AS outcome
FROM lake_decisions AS d, d.reasons AS r;

CREATE VIEW shadow_hits AS
SELECT DISTINCT d.transaction_id, h.rule_id AS rule_id, h.outcome AS outcome
FROM lake_decisions AS d, d.shadow_hits AS h
