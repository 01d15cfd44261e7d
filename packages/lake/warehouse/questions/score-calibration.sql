-- In each score band, is the share of fraud close to the mean score?
SELECT FLOOR(score * 10) / 10 AS score_from, COUNT(*) AS payments, AVG(score) AS mean_score,
  AVG(1.0 * fraud) AS fraud_share
FROM payments WHERE NOT score IS NULL AND NOT fraud IS NULL
GROUP BY FLOOR(score * 10) / 10 ORDER BY score_from
