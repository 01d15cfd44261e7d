-- For which pairs of card country and merchant country is the share of fraud highest?
SELECT card_country, merchant_country, COUNT(*) AS known, SUM(fraud) AS frauds, AVG(1.0 * fraud) AS fraud_share
FROM payments WHERE NOT fraud IS NULL
GROUP BY card_country, merchant_country ORDER BY fraud_share DESC, known DESC, card_country LIMIT 20
