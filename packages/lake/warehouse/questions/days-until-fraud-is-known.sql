-- How many days after a payment was its fraud reported, by source?
SELECT fraud_source, COUNT(*) AS frauds, AVG(days_until_known) AS mean_days, MAX(days_until_known) AS days_max
FROM payments WHERE fraud = 1
GROUP BY fraud_source ORDER BY frauds DESC, fraud_source
