import type { DelayCell } from "./label-delay.js";
import { labelDelayDays } from "./label-delay.js";
import type { TruthRule } from "./population.js";

/** A payment is old enough for a verdict at the age at which this share of labels has arrived. */
export const MATURE_SHARE = 0.95;
const DAY_MS = 86_400_000;

/** Verdict on an old payment without a label; for `auto`, the verdict depends on whether there are genuine labels. */
export type UnlabelledMeaning = "auto" | "genuine" | "unknown";

/** A summary of the labels. */
export interface LabelSurvey extends TruthRule {
  readonly frauds: number;
  readonly genuine: number;
  /** Time of the newest label, milliseconds since the epoch; undefined if there are none. */
  readonly newestMs: number | undefined;
  /** Days within which `MATURE_SHARE` of them have arrived, for frauds or for genuine payments, whichever takes longer. */
  readonly delayDays: number | undefined;
}

/** Summarises the labels. @param newestMs time of the newest label */
export function surveyOf(
  { fraud, genuine }: Readonly<Record<"fraud" | "genuine", readonly DelayCell[]>>,
  newestMs: number,
  unlabelled: UnlabelledMeaning,
): LabelSurvey {
  const delays = [fraud, genuine]
    .map((cells) => labelDelayDays(cells, MATURE_SHARE))
    .filter((days) => days !== undefined);
  if (delays.length === 0) return NO_LABELS;
  const delayDays = Math.max(...delays);
  return {
    frauds: labelsOf(fraud),
    genuine: labelsOf(genuine),
    newestMs,
    delayDays,
    matureBeforeMs: newestMs - delayDays * DAY_MS,
    isUnlabelledGenuine: unlabelled === "genuine" || (unlabelled === "auto" && genuine.length === 0),
  };
}

/** The survey for a lake without labels. */
export const NO_LABELS: LabelSurvey = {
  frauds: 0,
  genuine: 0,
  newestMs: undefined,
  delayDays: undefined,
  matureBeforeMs: Number.NEGATIVE_INFINITY,
  isUnlabelledGenuine: false,
};

function labelsOf(cells: readonly DelayCell[]): number {
  return cells.reduce((sum, { labels }) => sum + labels, 0);
}
