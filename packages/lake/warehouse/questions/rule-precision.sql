-- Of the labelled payments that a rule stopped, what share was fraud?
SELECT r.code, COUNT(*) AS payments, COUNT(p.fraud) AS known, SUM(COALESCE(p.fraud, 0)) AS frauds,
  AVG(1.0 * p.fraud) AS rule_precision
FROM reasons AS r JOIN payments AS p ON p.transaction_id = r.transaction_id
WHERE p.stopped = 1 AND r.outcome <> 'approve'
GROUP BY r.code ORDER BY payments DESC, r.code
