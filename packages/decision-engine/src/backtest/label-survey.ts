import type { DelayCell } from "./label-delay.js";
import { LABELS_MIN, labelDelayDays, labelsOf } from "./label-delay.js";
import type { TruthRule } from "./population.js";

/** A payment is old enough for a verdict at the age at which this share of labels has arrived. */
export const MATURE_SHARE = 0.95;
const DAY_MS = 86_400_000;

/**
 * Verdict on an old payment without a label. `auto`: genuine if genuine payments rarely get labels, otherwise unknown.
 */
export type UnlabelledMeaning = "auto" | "genuine" | "unknown";

/** A summary of the labels. */
export interface LabelSurvey extends TruthRule {
  readonly frauds: number;
  readonly genuine: number;
  /** Time of the newest label, milliseconds since the epoch; undefined if there are none. */
  readonly newestMs: number | undefined;
  /**
   * Days until `MATURE_SHARE` of the labels have arrived, for frauds or for genuine payments, whichever takes longer. A
   * class with fewer than `LABELS_MIN` labels is ignored, unless it is the class that normally gets labels.
   */
  readonly delayDays: number | undefined;
}

/** Summarises the labels. @param newestMs time of the newest label */
export function surveyOf(
  { fraud, genuine }: Readonly<Record<"fraud" | "genuine", readonly DelayCell[]>>,
  newestMs: number,
  unlabelled: UnlabelledMeaning,
): LabelSurvey {
  const counts = { frauds: labelsOf(fraud), genuine: labelsOf(genuine) };
  const areExceptions = areGenuineExceptions(counts);
  const usual = areExceptions ? fraud : genuine;
  const delays = [fraud, genuine]
    .filter((cells) => cells === usual || labelsOf(cells) >= LABELS_MIN)
    .map((cells) => labelDelayDays(cells, MATURE_SHARE))
    .filter((days) => days !== undefined);
  if (delays.length === 0) return NO_LABELS;
  const delayDays = Math.max(...delays);
  return {
    ...counts,
    newestMs,
    delayDays,
    matureBeforeMs: newestMs - delayDays * DAY_MS,
    isUnlabelledGenuine: unlabelled === "genuine" || (unlabelled === "auto" && areExceptions),
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

/**
 * Whether genuine payments get a label only in exceptional cases, such as a won chargeback. Frauds are rare, so if all
 * payments were labelled, most labels would be genuine. If unlabelled payments were unknown, almost all known payments
 * would be frauds, and every score would look right. Without frauds, there is no evidence that they are genuine.
 */
function areGenuineExceptions({ frauds, genuine }: Pick<LabelSurvey, "frauds" | "genuine">): boolean {
  return frauds > 0 && (genuine <= frauds || genuine < LABELS_MIN);
}
