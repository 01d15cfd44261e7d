import type { HitFigures } from "@tripline/decision-engine/backtest/hit-measure";
import type { Estimate } from "@tripline/decision-engine/backtest/wilson-interval";
import type { BacktestReport } from "./backtest-policy.js";

/** Limits for a draft, as shares from 0 to 1. */
export interface BacktestLimits {
  /** Payments that the draft declines. */
  readonly declineShareMax?: number;
  /** Cards with at least one declined payment. */
  readonly declineCardsMax?: number;
  /** Payments that the draft does not approve. */
  readonly stopShareMax?: number;
  /** Payments that the rule hits. */
  readonly hitShareMax?: number;
  /** Share of genuine payments among those that the rule, or the draft, stops. */
  readonly falsePositiveShareMax?: number;
  readonly precisionMin?: number;
  readonly recallMin?: number;
}

/**
 * One sentence per exceeded limit, judged by the estimate and not by its interval. A limit without data, such as
 * precision without labels, counts as exceeded, because missing data must not let a draft pass.
 */
export function judgeBacktest(report: BacktestReport, limits: BacktestLimits): string[] {
  const part = report.parts.find(({ id }) => id === report.part);
  const { stopped, declined } = report.draft;
  const what: HitFigures = part ?? stopped;
  const name = part === undefined ? "what the draft stops" : part.id;
  return [
    above("The draft declines", "of the payments", declined.share, limits.declineShareMax),
    above("The draft declines payments of", "of the cards", declined.cardShare, limits.declineCardsMax),
    above("The draft stops", "of the payments", stopped.share, limits.stopShareMax),
    above(`${name} hits`, "of the payments", part?.share, limits.hitShareMax),
    above(
      part === undefined ? "The draft stops" : `${name} hits`,
      "of the genuine payments",
      what.falsePositiveRate,
      limits.falsePositiveShareMax,
    ),
    below(`The precision of ${name} is`, what.precision, limits.precisionMin),
    below(`The recall of ${name} is`, what.recall, limits.recallMin),
  ].filter((sentence) => sentence !== undefined);
}

function above(
  subject: string,
  of: string,
  estimate: Estimate | undefined,
  max: number | undefined,
): string | undefined {
  if (max === undefined || (estimate !== undefined && estimate.value <= max)) return undefined;
  if (estimate === undefined) return `${subject} an unknown share ${of}; the maximum is ${percent(max)}.`;
  return `${subject} ${percent(estimate.value)} ${of}; the maximum is ${percent(max)}.`;
}

function below(subject: string, estimate: Estimate | undefined, min: number | undefined): string | undefined {
  if (min === undefined || (estimate !== undefined && estimate.value >= min)) return undefined;
  if (estimate === undefined) return `${subject} unknown; the minimum is ${percent(min)}.`;
  return `${subject} ${percent(estimate.value)}; the minimum is ${percent(min)}.`;
}

function percent(share: number): string {
  return `${(share * 100).toLocaleString("en", { maximumSignificantDigits: 3 })} %`;
}
