-- How many payments were decided below the first level of the fallback chain, and why?
SELECT rung, degraded_because, COUNT(*) AS payments, SUM(amount) AS amount
FROM payments WHERE rung <> 'model'
GROUP BY rung, degraded_because ORDER BY payments DESC, rung, degraded_because
