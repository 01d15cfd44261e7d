CREATE VIEW reasons AS
SELECT DISTINCT d.transaction_id, r.value:code::VARCHAR AS code, r.value:outcome::VARCHAR AS outcome
FROM lake_decisions AS d, LATERAL FLATTEN(INPUT => d.reasons) AS r;

CREATE VIEW shadow_hits AS
SELECT DISTINCT d.transaction_id, h.value:rule_id::VARCHAR AS rule_id, h.value:outcome::VARCHAR AS outcome
FROM lake_decisions AS d, LATERAL FLATTEN(INPUT => d.shadow_hits) AS h
