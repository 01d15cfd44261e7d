-- How were each day's payments decided?
SELECT paid_on, outcome, COUNT(*) AS payments, 1.0 * COUNT(*) / SUM(COUNT(*)) OVER (PARTITION BY paid_on) AS share
FROM payments
GROUP BY paid_on, outcome ORDER BY paid_on, outcome
