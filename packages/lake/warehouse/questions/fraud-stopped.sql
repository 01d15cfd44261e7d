-- What share of the known frauds was stopped, by number and by amount?
SELECT currency, COUNT(*) AS frauds, AVG(1.0 * stopped) AS share_stopped,
  SUM(CASE WHEN stopped = 1 THEN amount ELSE 0 END) / SUM(amount) AS share_of_amount_stopped
FROM payments WHERE fraud = 1
GROUP BY currency ORDER BY currency
