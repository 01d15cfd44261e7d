/** Column of a features file: how many payments a row represents. Only present if payments were explored. */
const WEIGHT_COLUMN = "exploration_weight";

/** Parts of a query that joins the table `explored` of `Fates`. */
export interface ExploredSql {
  /** Starts with a comma. */
  readonly column: string;
  readonly join: string;
  readonly order: string;
  /** The expression, or null for a decline that explored payments represent: its own label would count it twice. */
  readonly verdict: (expression: string) => string;
}

/** @param key column with the payment's ID; the result is sorted by time, then by this column */
export function exploredSql(explored: string | undefined, key: string): ExploredSql {
  if (explored === undefined) return { column: "", join: "", order: "", verdict: (expression) => expression };
  return {
    column: `, coalesce(nullif(e.weight, 0), 1) AS ${WEIGHT_COLUMN}`,
    join: ` LEFT JOIN ${explored} AS e USING (${key})`,
    order: ` ORDER BY occurred_at_ms, ${key}`,
    verdict: (expression) => `CASE WHEN e.weight = 0 THEN NULL ELSE ${expression} END`,
  };
}
