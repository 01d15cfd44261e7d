CREATE VIEW reasons AS
SELECT DISTINCT transaction_id, r.code AS code, r.outcome AS outcome
FROM lake_decisions CROSS JOIN UNNEST(reasons) AS r (code, text, outcome);

CREATE VIEW shadow_hits AS
SELECT DISTINCT transaction_id, h.rule_id AS rule_id, h.outcome AS outcome
FROM lake_decisions CROSS JOIN UNNEST(shadow_hits) AS h (rule_id, code, outcome)
