import type { Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import { isLabelFeature } from "@tripline/contracts/feature-spec";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import type { LakePositions } from "./retrain-dataset.js";
import { loggedVectors } from "./retrain-dataset.js";

export interface OnlineLogOptions {
  readonly lake: string;
  readonly spec: FeatureSpec;
  /** Only payments of this tenant; of all unless given. */
  readonly tenant?: string;
  readonly positions?: LakePositions;
  /** Payments at or after it are left out. Milliseconds since the epoch. */
  readonly untilMs: number;
}

/** What the newest vectors of the lake say of their features. */
export interface OnlineLog {
  /** Payments with a vector of this spec. */
  readonly rows: number;
  /** Features whose value was the same for all of them, in the order of the spec; empty where they are too few to tell. */
  readonly constant: readonly string[];
}

const DAY_MS = 86_400_000;
/** A week has each hour and each weekday. */
const DAYS = 7;
/** Of a profile fewer payments are enough: each payment of a known card has another value than the default. */
const PROFILE_ROWS_MIN = 100;
const ROWS_MIN = 1_000;
/** Where one payment in a thousand is fraud, a quiet week of so many still had a hundred. */
const LABEL_ROWS_MIN = 100_000;

/**
 * Features that do not change online: in the newest week of the features that payments were decided by. A profile is judged by
 * any 100 payments, anything else by 1,000 payments over more than six days, what counts labels by 100,000.
 *
 * @throws TriplineError `not-found` where no features are archived; `lake-unavailable`
 */
export async function constantOnline(options: OnlineLogOptions): Promise<OnlineLog> {
  const { spec, untilMs } = options;
  const scan = await LakeScan.open();
  try {
    const fromMs = Math.max(0, untilMs - DAYS * DAY_MS);
    const vectors = await loggedVectors(scan, { ...options, cutoffMs: untilMs, fromMs });
    const spans = spec.features.map(
      (_, index) => `min("values"[${index + 1}]) IS NOT DISTINCT FROM max("values"[${index + 1}]) AS same_${index}`,
    );
    const row = await scan.row(`SELECT count(*) AS rows, max(occurred_at_ms) - min(occurred_at_ms) AS spanned_ms,
      ${spans.join(", ")} FROM ${vectors}`);
    const rows = Number(row.rows);
    const isWeek = Number(row.spanned_ms) > (DAYS - 1) * DAY_MS;
    const isJudged = (feature: Feature): boolean => {
      if (feature.kind === "profile") return rows >= PROFILE_ROWS_MIN;
      return isWeek && rows >= (isLabelFeature(feature) ? LABEL_ROWS_MIN : ROWS_MIN);
    };
    const same = spec.features.filter((feature, index) => isJudged(feature) && row[`same_${index}`] === true);
    return { rows, constant: same.map(({ name }) => name) };
  } finally {
    await scan.close();
  }
}
