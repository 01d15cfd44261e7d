import { TOPICS } from "@tripline/contracts/topics";
import type { DelayCell } from "@tripline/decision-engine/backtest/label-delay";
import type { LabelSurvey, UnlabelledMeaning } from "@tripline/decision-engine/backtest/label-survey";
import { NO_LABELS, surveyOf } from "@tripline/decision-engine/backtest/label-survey";
import type { LakeScan } from "@tripline/lake/read/scan-lake";
import { sqlText } from "@tripline/lake/sql-text";
import { KNOWN_MS } from "../retraining/arrived-labels.js";
import type { LakeDatasetOptions } from "../retraining/retrain-dataset.js";

const DAY_MS = 86_400_000;

export interface LabelOptions {
  readonly lake: string;
  readonly tenant?: string;
  readonly labelsBy: LakeDatasetOptions["labelsBy"];
  readonly unlabelled: UnlabelledMeaning;
}

/**
 * Reads all labels of the lake, not only the labels of a range. The newest label determines the present, because later
 * labels are not in the lake yet.
 *
 * @throws TriplineError `lake-unavailable`
 */
export async function surveyLabels(scan: LakeScan, options: LabelOptions): Promise<LabelSurvey> {
  const table = await scan.table(options.lake, TOPICS.labels);
  if (table === undefined) return NO_LABELS;
  const known = KNOWN_MS[options.labelsBy];
  const condition = options.tenant === undefined ? "true" : `tenant = ${sqlText(options.tenant)}`;
  const last = `SELECT occurred_at_ms, ${known} AS known_ms, fraud FROM ${table} WHERE ${condition}
    QUALIFY row_number() OVER (PARTITION BY tenant, client_transaction_id
      ORDER BY labelled_at_ms DESC, kafka_partition, kafka_offset DESC) = 1`;
  const cells: Record<"fraud" | "genuine", DelayCell[]> = { fraud: [], genuine: [] };
  let newestMs = Number.NEGATIVE_INFINITY;
  const counted = scan.rows(`WITH l AS MATERIALIZED (${last}), e AS (SELECT max(known_ms) AS newest FROM l)
    SELECT fraud, newest, greatest(0, newest - occurred_at_ms) // ${DAY_MS} AS age,
      greatest(0, known_ms - occurred_at_ms) // ${DAY_MS} AS delay, count(*) AS labels
    FROM l, e GROUP BY ALL`);
  for await (const chunk of counted) {
    for (const { fraud, newest, age, delay, labels } of chunk) {
      newestMs = Number(newest);
      const cell = { ageDays: Number(age), delayDays: Number(delay), labels: Number(labels) };
      cells[fraud === true ? "fraud" : "genuine"].push(cell);
    }
  }
  return surveyOf(cells, newestMs, options.unlabelled);
}
