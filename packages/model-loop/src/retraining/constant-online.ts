import type { Feature, FeatureSpec } from "@tripline/contracts/feature-spec";
import { isLabelFeature } from "@tripline/contracts/feature-spec";
import { TOPICS } from "@tripline/contracts/topics";
import type { Row } from "@tripline/lake/read/row-message";
import { LakeScan } from "@tripline/lake/read/scan-lake";
import type { LakePositions } from "./read-topic.js";
import { paymentDays, paymentsOf, tablesOf } from "./read-topic.js";

export interface OnlineLogOptions {
  readonly lake: string;
  readonly spec: FeatureSpec;
  /** Only payments of this tenant; default: all tenants. */
  readonly tenant?: string;
  readonly positions?: LakePositions;
  /** Payments at or after this time are ignored. Milliseconds since the epoch. */
  readonly untilMs: number;
}

/** Which features are constant in the newest vectors of the lake. */
export interface OnlineLog {
  /** Payments with a vector of this spec. */
  readonly rows: number;
  /** Features with the same value in all of them, in the order of the spec; empty if there are too few. */
  readonly constant: readonly string[];
}

const DAY_MS = 86_400_000;
/** One week contains every hour of the day and every day of the week. */
const DAYS = 7;
/** Profiles need fewer payments, because every payment of a known card differs from the default. */
const PROFILE_ROWS_MIN = 100;
const ROWS_MIN = 1_000;
/** With a fraud rate of 0.1 %, this many payments still include about a hundred frauds in a quiet week. */
const LABEL_ROWS_MIN = 100_000;

/**
 * Features that are constant online, in the newest week of archived vectors. Profiles need 100 payments, label counts
 * 100,000, and other features 1,000 over more than six days.
 *
 * @throws TriplineError `not-found` if no features are archived; `lake-unavailable`
 */
export async function constantOnline(options: OnlineLogOptions): Promise<OnlineLog> {
  const { spec, untilMs } = options;
  const scan = await LakeScan.open();
  try {
    const fromMs = Math.max(0, untilMs - DAYS * DAY_MS);
    const read = { ...options, cutoffMs: untilMs, fromMs };
    const days = await paymentDays(read, TOPICS.features);
    const ranges = spec.features.map(
      (_, index) => `min("values"[${index + 1}]) AS low_${index}, max("values"[${index + 1}]) AS high_${index}`,
    );
    const parts: Row[] = [];
    for await (const vectors of tablesOf(scan, options, TOPICS.features, days, { incomplete: "BOOLEAN" })) {
      const part = await scan.row(`SELECT count(*) AS rows, min(occurred_at_ms) AS first, max(occurred_at_ms) AS last,
        ${ranges.join(", ")} FROM ${vectors} WHERE ${paymentsOf(read)} AND spec_version = ${spec.version}
        AND len("values") = ${spec.features.length} AND NOT coalesce(incomplete, false)`);
      if (Number(part.rows) > 0) parts.push(part);
    }
    const numbers = (column: string) => parts.map((part) => Number(part[column]));
    const rows = numbers("rows").reduce((sum, count) => sum + count, 0);
    const spannedMs = Math.max(...numbers("last")) - Math.min(...numbers("first"));
    const isSame = (index: number) => new Set([...numbers(`low_${index}`), ...numbers(`high_${index}`)]).size === 1;
    const isWeek = spannedMs > (DAYS - 1) * DAY_MS;
    const isJudged = (feature: Feature): boolean => {
      if (feature.kind === "profile") return rows >= PROFILE_ROWS_MIN;
      return isWeek && rows >= (isLabelFeature(feature) ? LABEL_ROWS_MIN : ROWS_MIN);
    };
    const same = spec.features.filter((feature, index) => isJudged(feature) && isSame(index));
    return { rows, constant: same.map(({ name }) => name) };
  } finally {
    await scan.close();
  }
}
