import { TOPICS } from "@tripline/contracts/topics";
import type { LakeScan } from "@tripline/lake/read/scan-lake";
import { sqlText } from "@tripline/lake/sql-text";
import type { LakeDatasetOptions } from "../retraining/retrain-dataset.js";
import { KNOWN_MS } from "../retraining/retrain-dataset.js";
import type { DelayCell } from "./label-delay.js";
import { labelDelayDays } from "./label-delay.js";
import type { TruthRule } from "./population.js";

/** By then a payment counts as one whose label has come. */
export const MATURE_SHARE = 0.95;
const DAY_MS = 86_400_000;

/** What a payment without a label is once it is old enough; `auto` goes by whether the lake has genuine labels. */
export type UnlabelledMeaning = "auto" | "genuine" | "unknown";

export interface LabelOptions {
  readonly lake: string;
  readonly tenant?: string;
  readonly labelsBy: LakeDatasetOptions["labelsBy"];
  readonly unlabelled: UnlabelledMeaning;
}

/** What the lake's labels say about themselves. */
export interface LabelSurvey extends TruthRule {
  readonly frauds: number;
  readonly genuine: number;
  /** Time of the newest label, milliseconds since the epoch; undefined where there are none. */
  readonly newestMs: number | undefined;
  /** Days by which `MATURE_SHARE` of them have come, of frauds or of genuine payments, whichever takes longer. */
  readonly delayDays: number | undefined;
}

/**
 * Looks at all labels of the lake, not only at those of a range. Young payments are judged by the newest label, since
 * what came after it is not in the lake.
 *
 * @throws TriplineError `lake-unavailable`
 */
export async function surveyLabels(scan: LakeScan, options: LabelOptions): Promise<LabelSurvey> {
  const table = await scan.table(options.lake, TOPICS.labels);
  if (table === undefined) return ofNone;
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

function surveyOf(
  { fraud, genuine }: Readonly<Record<"fraud" | "genuine", readonly DelayCell[]>>,
  newestMs: number,
  unlabelled: UnlabelledMeaning,
): LabelSurvey {
  const delays = [fraud, genuine]
    .map((cells) => labelDelayDays(cells, MATURE_SHARE))
    .filter((days) => days !== undefined);
  if (delays.length === 0) return ofNone;
  const delayDays = Math.max(...delays);
  return {
    ...{ frauds: labelsOf(fraud), genuine: labelsOf(genuine), newestMs, delayDays },
    matureBeforeMs: newestMs - delayDays * DAY_MS,
    isUnlabelledGenuine: unlabelled === "genuine" || (unlabelled === "auto" && genuine.length === 0),
  };
}

const ofNone: LabelSurvey = {
  ...{ frauds: 0, genuine: 0, newestMs: undefined, delayDays: undefined },
  matureBeforeMs: Number.NEGATIVE_INFINITY,
  isUnlabelledGenuine: false,
};

function labelsOf(cells: readonly DelayCell[]): number {
  return cells.reduce((sum, { labels }) => sum + labels, 0);
}
