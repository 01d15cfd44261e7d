-- Synapse reads lists in Parquet as JSON.
CREATE VIEW reasons AS
SELECT DISTINCT d.transaction_id, r.code AS code, r.outcome AS outcome
FROM lake_decisions AS d
CROSS APPLY OPENJSON(d.reasons) WITH (code VARCHAR(200) '$.code', outcome VARCHAR(20) '$.outcome') AS r;

CREATE VIEW shadow_hits AS
SELECT DISTINCT d.transaction_id, h.rule_id AS rule_id, h.outcome AS outcome
FROM lake_decisions AS d
CROSS APPLY OPENJSON(d.shadow_hits) WITH (rule_id VARCHAR(200) '$.rule_id', outcome VARCHAR(20) '$.outcome') AS h
