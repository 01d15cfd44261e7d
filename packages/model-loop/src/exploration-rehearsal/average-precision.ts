/** Sum over the distinct scores of precision times the increase in recall, as scikit-learn defines it. */
export function averagePrecision(scores: readonly number[], isFraud: readonly boolean[]): number {
  const order = scores.map((_, index) => index).sort((one, other) => (scores[other] ?? 0) - (scores[one] ?? 0));
  const total = isFraud.filter(Boolean).length;
  let [found, counted, sum] = [0, 0, 0];
  for (let rank = 0; rank < order.length; rank += 1) {
    const index = order[rank] ?? 0;
    if (isFraud[index] === true) found += 1;
    // Payments with equal scores count together.
    if (scores[order[rank + 1] ?? -1] === scores[index]) continue;
    sum += ((found - counted) / total) * (found / (rank + 1));
    counted = found;
  }
  return sum;
}
