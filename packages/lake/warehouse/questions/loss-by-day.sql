-- What did approved frauds cost each day, in total and in basis points of the approved amount?
SELECT paid_on, currency, SUM(CASE WHEN fraud = 1 THEN 1 ELSE 0 END) AS frauds,
  SUM(CASE WHEN fraud = 1 THEN amount ELSE 0 END) AS loss,
  10000 * SUM(CASE WHEN fraud = 1 THEN amount ELSE 0 END) / SUM(amount) AS loss_basis_points
FROM payments WHERE stopped = 0
GROUP BY paid_on, currency ORDER BY paid_on, currency
