CREATE VIEW reasons AS
SELECT DISTINCT transaction_id, reason.code AS code, reason.outcome AS outcome
FROM (SELECT transaction_id, UNNEST(reasons) AS reason FROM lake_decisions);

CREATE VIEW shadow_hits AS
SELECT DISTINCT transaction_id, hit.rule_id AS rule_id, hit.outcome AS outcome
FROM (SELECT transaction_id, UNNEST(shadow_hits) AS hit FROM lake_decisions)
