import { TOPICS } from "@tripline/contracts/topics";
import type { LabelSurvey, UnlabelledMeaning } from "@tripline/decision-engine/backtest/label-survey";
import { NO_LABELS } from "@tripline/decision-engine/backtest/label-survey";
import type { LakeScan } from "@tripline/lake/read/scan-lake";
import { sqlText } from "@tripline/lake/sql-text";
import { KNOWN_MS } from "../retraining/arrived-labels.js";
import type { LakeDatasetOptions } from "../retraining/retrain-dataset.js";
import { surveyTable } from "../truth/settle-labels.js";

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
  return surveyTable(scan, last, options.unlabelled);
}
