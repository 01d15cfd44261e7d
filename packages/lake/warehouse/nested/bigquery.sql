CREATE VIEW reasons AS
SELECT DISTINCT transaction_id, reason.code AS code, reason.outcome AS outcome
FROM lake_decisions CROSS JOIN UNNEST(reasons) AS reason;

CREATE VIEW shadow_hits AS
SELECT DISTINCT transaction_id, hit.rule_id AS rule_id, hit.outcome AS outcome
FROM lake_decisions CROSS JOIN UNNEST(shadow_hits) AS hit
