-- What share of each merchant's payments with a genuine label was stopped?
SELECT merchant_id, COUNT(*) AS genuine, SUM(stopped) AS false_positives, AVG(1.0 * stopped) AS false_positive_rate
FROM payments WHERE fraud = 0
GROUP BY merchant_id ORDER BY false_positives DESC, merchant_id
