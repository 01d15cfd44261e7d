import type { LabelSurvey } from "@tripline/decision-engine/backtest/label-survey";
import { surveyOf } from "@tripline/decision-engine/backtest/label-survey";
import type { Queries } from "@tripline/stores/postgres/connect-database";
import { z } from "zod";

/** Maximum number of labels, newest first, which is enough to estimate their delay. */
const LABELS_MAX = 200_000;
const DAY_MS = 86_400_000;

const cellRow = z.object({
  fraud: z.boolean(),
  newest: z.coerce.number(),
  age: z.coerce.number(),
  delay: z.coerce.number(),
  labels: z.coerce.number(),
});

/** Measures how long a tenant's labels take to arrive, and which payments are old enough for a verdict. */
export async function surveyLabels(queries: Queries, tenant: string): Promise<LabelSurvey> {
  const cells = await queries.query(
    cellRow,
    `WITH l AS (SELECT p.occurred_at_ms, n.labelled_at_ms AS known_ms, n.fraud
       FROM (SELECT * FROM console.labels WHERE tenant = $1 ORDER BY read_at_ms DESC LIMIT ${LABELS_MAX}) n
       JOIN console.payments p USING (transaction_id)), e AS (SELECT max(known_ms) AS newest FROM l)
     SELECT fraud, newest, greatest(0, newest - occurred_at_ms) / ${DAY_MS} AS age,
       greatest(0, known_ms - occurred_at_ms) / ${DAY_MS} AS delay, count(*) AS labels
     FROM l, e GROUP BY 1, 2, 3, 4`,
    [tenant],
  );
  const of = (isFraud: boolean) =>
    cells
      .filter(({ fraud }) => fraud === isFraud)
      .map(({ age, delay, labels }) => ({ ageDays: age, delayDays: delay, labels }));
  return surveyOf({ fraud: of(true), genuine: of(false) }, cells[0]?.newest ?? 0, "auto");
}
