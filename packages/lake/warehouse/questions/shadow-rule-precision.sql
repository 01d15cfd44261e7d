-- How many additional payments would each shadow rule have stopped, and what share of them was fraud?
SELECT h.rule_id, COUNT(*) AS payments, SUM(COALESCE(p.fraud, 0)) AS frauds, AVG(1.0 * p.fraud) AS rule_precision
FROM shadow_hits AS h JOIN payments AS p ON p.transaction_id = h.transaction_id
WHERE p.stopped = 0
GROUP BY h.rule_id ORDER BY payments DESC, h.rule_id
