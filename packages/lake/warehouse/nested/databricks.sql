CREATE VIEW reasons AS
SELECT DISTINCT transaction_id, reason.code AS code, reason.outcome AS outcome
FROM lake_decisions LATERAL VIEW EXPLODE(reasons) r AS reason;

CREATE VIEW shadow_hits AS
SELECT DISTINCT transaction_id, hit.rule_id AS rule_id, hit.outcome AS outcome
FROM lake_decisions LATERAL VIEW EXPLODE(shadow_hits) h AS hit
